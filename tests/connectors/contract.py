"""The contract of a connector as tests to inherit; a service adds a few lines of data."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from domain.errors import CloudError, NeedsOperator, Permanent, Transient
from domain.plans.plan import build_binding
from domain.resources.connector import Connector
from domain.resources.resource import Binding, DiscoveredResource, Resource
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST, StoreContract

PATIENCE = 5.0


class ConnectorContract(StoreContract):
    """Inherit it, and say also how the sandbox is given resources of this service."""

    reading: ClassVar[str]
    binding: ClassVar[str]
    page_size: ClassVar[int]
    can_be_off: ClassVar[bool] = True
    shows_issuer: ClassVar[bool] = True
    """And the kind of key: by a PEM, or by the certificate store."""
    shows_users: ClassVar[bool] = True
    """Whether the practice cloud's store tells what uses it, and not only by refusing."""

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        """Creates one resource that answers to `host`, at the practice cloud."""
        raise NotImplementedError

    def create_many(self, lab: Lab, number: int) -> None:
        """Creates so many resources without a certificate at the practice cloud."""
        raise NotImplementedError

    def call_every_operation(self, lab: Lab) -> None:
        connector, former = lab.connector(self.service), lab.issue(HOST)
        resource = self.create_and_find(lab, former).resource
        before = connector.read(resource)
        assert before is not None
        reference = self.install(lab, lab.issue(HOST))
        for target in (reference, before.ref, *([None] if self.can_be_off else [])):
            connector.bind(resource, target)
            assert connector.has_arrived(resource, target)
        connector.check()

    def create_and_find(
        self, lab: Lab, serving: Material | None, host: str = HOST
    ) -> DiscoveredResource:
        self.create_resource(lab, host, serving)
        (found,) = [f for f in list_all(lab.connector(self.service)) if host in f.resource.domains]
        return found

    def any_resource(self, lab: Lab) -> Resource:
        found = list(list_all(lab.connector(self.service)))
        return found[0].resource if found else self.create_and_find(lab, lab.issue(HOST)).resource

    def bind_and_read(
        self, lab: Lab, resource: Resource, made: Material
    ) -> tuple[Connector, Binding]:
        """Deploys to `resource`, and reads it."""
        connector = lab.connector(self.service)
        reference = connector.install(made.certificate, made.key, resource)
        connector.bind(resource, reference)
        assert connector.has_arrived(resource, reference)
        read = connector.read(resource)
        assert read is not None
        assert read.ref == reference
        return connector, read

    def test_a_listing_is_paged_and_resumed_by_whoever_has_the_page(self, lab: Lab) -> None:
        self.create_many(lab, self.page_size + 3)
        first = lab.connector(self.service).discover()
        assert first.next is not None
        rest = lab.connector(self.service).discover(first.next)
        assert rest.next is None
        keys = {found.resource.key for page in (first, rest) for found in page.resources}
        assert len(keys) == self.page_size + 3
        assert first.total in (None, len(keys))

    def test_resources_carry_account_and_service(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        assert resource.id.startswith(f"main/{self.service}/")
        assert resource.domains == (HOST,)
        assert resource.state == "online"

    def test_what_is_bound_is_read(self, lab: Lab) -> None:
        former, made = lab.issue(HOST), lab.issue(HOST, "other.example.com")
        found = self.create_and_find(lab, former)
        connector = lab.connector(self.service)
        before = connector.read(found.resource)
        assert before is not None
        assert before.fingerprint == former.certificate.fingerprint
        _, after = self.bind_and_read(lab, found.resource, made)
        assert after.fingerprint == made.certificate.fingerprint
        assert after.names == made.certificate.names
        assert after.not_after == made.certificate.not_after
        expected = build_binding(made.certificate) if self.shows_issuer else Binding()
        assert (after.algorithm, after.issuer) == (expected.algorithm, expected.issuer)

    def test_binding_twice_is_harmless(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector, once = self.bind_and_read(lab, resource, lab.issue(HOST))
        connector.bind(resource, once.ref)
        assert connector.read(resource) == once

    def test_a_change_is_not_settled_while_something_else_is_bound(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector, _ = self.bind_and_read(lab, resource, lab.issue(HOST))
        other = self.install(lab, lab.issue(HOST))
        assert not connector.has_arrived(resource, other)
        assert not connector.has_arrived(resource, None)

    def test_the_former_certificate_is_restored(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        before = lab.connector(self.service).read(resource)
        assert before is not None
        connector, _ = self.bind_and_read(lab, resource, lab.issue(HOST))
        assert connector.explain_not_reversible(resource, before) is None
        connector.bind(resource, before.ref)
        assert connector.has_arrived(resource, before.ref)
        assert connector.read(resource) == before

    def test_a_resource_without_a_certificate_gets_back_to_none_or_says_that_it_cannot(
        self, lab: Lab
    ) -> None:
        found = self.create_and_find(lab, None)
        connector = lab.connector(self.service)
        if not self.can_be_off:
            assert connector.explain_not_reversible(found.resource, None)
            return
        assert connector.explain_not_reversible(found.resource, None) is None
        assert connector.read(found.resource) is None
        assert connector.has_arrived(found.resource, None)
        self.bind_and_read(lab, found.resource, lab.issue(HOST))
        connector.bind(found.resource, None)
        assert connector.has_arrived(found.resource, None)
        assert connector.read(found.resource) is None

    def test_what_it_serves_stays_in_its_store(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        before = lab.connector(self.service).read(resource)
        assert before is not None
        made = lab.issue(HOST)
        connector, after = self.bind_and_read(lab, resource, made)
        reference = after.ref
        assert reference is not None
        keeper = self.build_store_connector(lab, reference)
        assert bool(keeper.in_use_by(reference)) is self.shows_users
        with pytest.raises(CloudError):
            keeper.remove(reference)
        assert len(self.list_stored(lab, made)) == 1
        connector.bind(resource, before.ref)
        connector.remove_former(resource, reference, before.ref)
        keeper = self.build_store_connector(lab, reference)  # its listing may be a minute old
        assert keeper.in_use_by(reference) is None
        keeper.remove(reference)
        assert self.list_stored(lab, made) == []

    def test_a_change_whose_answer_was_lost_is_made_again(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        made = lab.issue(HOST)
        lab.cloud.add_fault("lost", self.binding, count=1)
        with pytest.raises(Transient):
            self.bind_and_read(lab, resource, made)
        _, after = self.bind_and_read(lab, resource, made)
        assert after.fingerprint == made.certificate.fingerprint
        assert len(self.list_stored(lab, made)) == 1

    @pytest.mark.parametrize(
        ("fault", "kind", "retry_after"),
        [
            ({"kind": "throttle", "retry_after_ms": 1500}, Transient, 1.5),
            ({"kind": "throttle"}, Transient, None),
            ({"kind": "5xx"}, Transient, None),
            ({"kind": "5xx", "html": True}, Transient, None),
            ({"kind": "reset"}, Transient, None),
            ({"kind": "error", "code": "ServiceBusy"}, Transient, None),
            ({"kind": "error", "code": "InvalidParameter"}, Permanent, None),
            ({"kind": "error", "code": "Never.Seen"}, Permanent, None),
            ({"kind": "error", "code": "Forbidden.RAM", "status": 403}, NeedsOperator, None),
            ({"kind": "error", "code": "Never.Seen", "status": 403}, NeedsOperator, None),
        ],
        ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
    )
    @pytest.mark.parametrize("operation", ["reading", "binding"])
    def test_failures_are_classified_for_the_caller(
        self,
        lab: Lab,
        operation: str,
        fault: dict[str, Any],
        kind: type[CloudError],
        retry_after: float | None,
    ) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        reference = self.install(lab, lab.issue(HOST))
        connector = lab.connector(self.service)
        calls: dict[str, Callable[[], object]] = {
            "reading": lambda: connector.read(resource),
            "binding": lambda: connector.bind(resource, reference),
        }
        lab.cloud.add_fault(operation=getattr(self, operation), **fault)
        with pytest.raises(CloudError) as failure:
            calls[operation]()
        assert type(failure.value) is kind
        assert failure.value.retry_after == retry_after
        assert failure.value.__cause__ is failure.value.__context__ is None

    def test_a_hanging_cloud_is_given_up_within_the_timeout(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        lab.cloud.add_fault("hang", self.reading, seconds=30)
        started = time.monotonic()
        with pytest.raises(Transient) as failure:
            lab.connector(self.service, read_timeout="0.3").read(resource)
        assert failure.value.code == "Timeout"
        assert time.monotonic() - started < PATIENCE
