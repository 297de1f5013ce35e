"""Custom domains of EAS's dedicated gateways."""

import uuid
from typing import Any

import pytest

from connectors.alibaba import eas
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import CertificateRef, Resource
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


def gateway(lab: Lab, *domains: dict[str, Any], **more: Any) -> str:
    number = f"gw-{uuid.uuid4().hex[:12]}"
    described = {"id": number, "domains": [*domains], **more}
    lab.cloud.seed("eas", account=lab.account, gateways=[described])
    return number


def domain(name: str, serving: Material | None, kind: str = "internet") -> dict[str, Any]:
    return {"name": name, "type": kind, "certificate": serving and serving.seed}


def changes(lab: Lab) -> list[str]:
    sent = [row for row in lab.cloud.list_requests(lab.account) if row["method"] == "PUT"]
    return [row["path"].rpartition("/")[2] for row in sent]


class TestEas(ConnectorContract):
    service = "alibaba.eas"
    reading = "ListGatewayDomains"
    binding = "AttachGatewayDomain"
    page_size = 10
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        gateway(lab, domain(host, serving))

    def create_many(self, lab: Lab, number: int) -> None:
        for n in range(number):
            gateway(lab, domain(f"n{n}.example.com", None))

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        self.bind_and_read(lab, self.strict(lab), lab.issue("strict.example.com"))

    def strict(self, lab: Lab) -> Resource:
        """A domain of a gateway that does not attach it again."""
        name = "strict.example.com"
        gateway(lab, domain(name, lab.issue(name)), strict=True)
        found = [f.resource for f in list_all(lab.connector(self.service))]
        return next(each for each in found if name in each.domains)

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_gateways_of_all_regions_are_listed_and_changed_where_they_are(self, lab: Lab) -> None:
        near = gateway(lab, domain("a.example.com", None))
        far = gateway(lab, domain(HOST, lab.issue(HOST)), region="cn-wulanchabu")
        found = [f.resource for f in list_all(lab.connector(self.service))]
        assert [r.key for r in found] == [
            f"cn-hangzhou/{near}/internet/a.example.com",
            f"cn-wulanchabu/{far}/internet/{HOST}",
        ]
        self.bind_and_read(lab, found[1], lab.issue(HOST))

    def test_a_domain_is_attached_again_without_being_detached(self, lab: Lab) -> None:
        self.bind_and_read(
            lab, self.create_and_find(lab, lab.issue(HOST)).resource, lab.issue(HOST)
        )
        assert changes(lab) == ["attach"]

    def test_only_where_that_is_refused_it_is_detached(self, lab: Lab) -> None:
        resource = self.strict(lab)
        self.bind_and_read(lab, resource, lab.issue(HOST))
        assert changes(lab) == ["attach", "detach", "attach"]

    def test_any_other_refusal_detaches_nothing(self, lab: Lab) -> None:
        resource = self.strict(lab)
        fields = {"cert_id": "1", "identifier": "1-cn-hangzhou", "region": "cn-hangzhou"}
        with pytest.raises(Permanent) as refused:
            lab.connector(self.service).bind(
                resource, CertificateRef(store="alibaba.cas/cn", fields=fields)
            )
        assert refused.value.code == "InvalidParameter"
        assert changes(lab) == ["attach"]

    def test_what_was_detached_is_attached_until_it_works(
        self, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(eas, "PAUSES", (0.0, 0.0))
        resource = self.strict(lab)
        busy = {"operation": self.binding, "service": "eas"}
        lab.cloud.add_fault("error", code="DomainAlreadyExists", status=409, count=1, **busy)
        lab.cloud.add_fault("5xx", count=2, **busy)
        self.bind_and_read(lab, resource, lab.issue(HOST))
        assert changes(lab) == ["attach", "detach", "attach", "attach", "attach"]

    def test_the_former_certificate_is_back_where_the_new_one_is_refused(self, lab: Lab) -> None:
        resource = self.strict(lab)
        former = lab.connector(self.service).read(resource)
        busy: dict[str, Any] = {"operation": self.binding, "service": "eas", "count": 1}
        lab.cloud.add_fault("error", code="DomainAlreadyExists", status=409, **busy)
        lab.cloud.add_fault("error", code="QuotaExceeded", **busy)
        with pytest.raises(NeedsOperator):
            self.bind_and_read(lab, resource, lab.issue(HOST))
        assert changes(lab) == ["attach", "detach", "attach", "attach"]
        assert lab.connector(self.service).read(resource) == former

    def test_it_gives_up_in_the_end(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(eas, "PAUSES", (0.0,))
        resource = self.strict(lab)
        busy = {"operation": self.binding, "service": "eas"}
        lab.cloud.add_fault("error", code="DomainAlreadyExists", status=409, count=1, **busy)
        lab.cloud.add_fault("5xx", **busy)
        with pytest.raises(Transient):
            self.bind_and_read(lab, resource, lab.issue(HOST))
        assert lab.connector(self.service).read(resource) is None
        lab.cloud.clear_faults()
        self.bind_and_read(lab, resource, lab.issue(HOST))

    def test_the_plan_warns_of_the_gap_and_of_private_networks(self, lab: Lab) -> None:
        gateway(lab, domain(HOST, None), domain(HOST, None, "intranet"))
        connector = lab.connector(self.service)
        public, private = [found.resource for found in list_all(connector)]
        codes = [[w.code for w in connector.list_warnings(r, None)] for r in (public, private)]
        assert codes == [["short-outage"], ["short-outage", "private-network"]]

    def test_one_name_on_both_networks_is_two_resources(self, lab: Lab) -> None:
        former = lab.issue(HOST)
        gateway(lab, domain(HOST, former), domain(HOST, former, "intranet"))
        connector = lab.connector(self.service)
        public, private = [found.resource for found in list_all(connector)]
        self.bind_and_read(lab, private, lab.issue(HOST))
        untouched = connector.read(public)
        assert untouched is not None
        assert untouched.fingerprint == former.certificate.fingerprint
        assert connector.get_lock_key(public) == connector.get_lock_key(private)

    def test_a_gateway_that_does_not_run_is_listed_with_its_state(self, lab: Lab) -> None:
        gateway(lab, domain(HOST, None), status="Stopped")
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == "stopped"

    def test_a_certificate_is_not_removed(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(resource, None)
