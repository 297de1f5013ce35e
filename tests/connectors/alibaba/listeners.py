"""What is true of ALB's listeners and of NLB's alike, as tests to inherit."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from connectors.alibaba._bases.stored import GONE_FROM_STORE
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Connector, Scenario
from domain.resources.resource import CertificateRef, DiscoveredResource
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST
from tests.support.factory import NOW

OTHER = "other.example.com"


class ListenersContract(ConnectorContract):
    product: ClassVar[str]
    reading = "ListListenerCertificates"
    binding = "UpdateListenerAttribute"
    page_size = 50
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: Any) -> None:
        listener = {"certificate": (serving or lab.issue(host)).seed, **more}
        lab.cloud.seed(self.product, account=lab.account, listeners=[listener])

    def create_many(self, lab: Lab, number: int) -> None:
        one = {"certificate": lab.issue(HOST).seed}
        lab.cloud.seed(self.product, account=lab.account, listeners=[one] * number)

    def slots(self, lab: Lab) -> dict[str, DiscoveredResource]:
        """Everything there is, by the last part of its key."""
        found = list_all(lab.connector(self.service))
        return {one.resource.key.split("/", 3)[3]: one for one in found}

    def beside(self, lab: Lab, *names: str) -> dict[str, DiscoveredResource]:
        """A listener for HOST with one additional certificate for each of these names."""
        added = [lab.issue(name).seed for name in names]
        self.create_resource(lab, HOST, None, additional=added)
        return self.slots(lab)

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        self.changed(lab, self.beside(lab, OTHER)[f"sni/{OTHER}"], lab.issue(OTHER))

    def added(
        self, lab: Lab, found: DiscoveredResource, made: Material
    ) -> tuple[Connector, CertificateRef]:
        """Deploys to a slot, and leaves the former certificate there."""
        connector = lab.connector(self.service)
        reference = connector.install(made.certificate, made.key, found.resource)
        connector.bind(found.resource, reference)
        assert connector.has_arrived(found.resource, reference)
        return connector, reference

    def changed(self, lab: Lab, found: DiscoveredResource, made: Material) -> CertificateRef:
        """Deploys to a slot, all of it."""
        connector, reference = self.added(lab, found, made)
        assert found.binding is not None
        connector.remove_former(found.resource, found.binding.ref, reference)
        return reference

    def held(self, lab: Lab, found: DiscoveredResource) -> set[str]:
        """The identifiers of all certificates of a slot's listener."""
        connector: Any = lab.connector(self.service)
        reply = connector.list_certificates(
            found.resource.region, found.resource.detail["listener"], None
        )
        return {row["CertificateId"] for row in reply["Certificates"]}

    def test_only_what_has_a_certificate_takes_one(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_the_listing_shows_each_slot_and_what_it_serves(self, lab: Lab) -> None:
        slots = self.beside(lab, OTHER, "*.example.org")
        assert set(slots) == {"default", f"sni/{OTHER}", "sni/*.example.org"}
        for found in slots.values():
            assert found.binding_known
            assert found.binding == lab.connector(self.service).read(found.resource)
        assert slots["sni/*.example.org"].resource.domains == ("*.example.org",)
        assert slots["default"].resource.domains == (HOST,)

    def test_the_default_slot_leaves_names_to_additional_certificates(self, lab: Lab) -> None:
        added = [lab.issue("*.example.com").seed]
        self.create_resource(lab, HOST, lab.issue(HOST, "example.org"), additional=added)
        assert self.slots(lab)["default"].resource.domains == ("example.org",)

    def test_an_additional_certificate_is_added_and_only_released_afterwards(
        self, lab: Lab
    ) -> None:
        found = self.beside(lab, OTHER)[f"sni/{OTHER}"]
        assert found.binding is not None
        assert found.binding.ref is not None
        former = found.binding.ref.fields["identifier"]
        made = lab.issue(OTHER)
        connector, reference = self.added(lab, found, made)
        both = {former, reference.fields["identifier"]}
        assert both <= self.held(lab, found)
        connector.remove_former(found.resource, found.binding.ref, reference)
        connector.remove_former(found.resource, found.binding.ref, reference)
        assert self.held(lab, found) & both == {reference.fields["identifier"]}
        read = connector.read(found.resource)
        assert read is not None
        assert (read.ref, read.fingerprint) == (reference, made.certificate.fingerprint)

    def test_while_both_are_there_it_is_still_one_slot_of_the_same_name(self, lab: Lab) -> None:
        found = self.beside(lab, OTHER)[f"sni/{OTHER}"]
        _, reference = self.added(lab, found, lab.issue(OTHER))
        again = self.slots(lab)
        assert set(again) == {"default", f"sni/{OTHER}"}
        assert again[f"sni/{OTHER}"].resource.id == found.resource.id
        binding = again[f"sni/{OTHER}"].binding
        assert binding is not None
        assert binding.ref == reference

    def test_an_additional_certificate_is_put_back(self, lab: Lab) -> None:
        found = self.beside(lab, OTHER)[f"sni/{OTHER}"]
        before, held = found.binding, self.held(lab, found)
        assert before is not None
        reference = self.changed(lab, found, lab.issue(OTHER))
        connector = lab.connector(self.service)
        connector.bind(found.resource, before.ref)
        assert connector.has_arrived(found.resource, before.ref)
        connector.remove_former(found.resource, reference, before.ref)
        assert connector.read(found.resource) == before
        assert self.held(lab, found) == held

    def test_one_certificate_may_take_over_several_slots_and_leave_one_of_them(
        self, lab: Lab
    ) -> None:
        slots = self.beside(lab, OTHER, "third.example.com")
        one, two = slots[f"sni/{OTHER}"], slots["sni/third.example.com"]
        held, wildcard = self.held(lab, one), lab.issue("*.example.com")
        references = [self.changed(lab, slot, wildcard) for slot in (one, two)]
        connector = lab.connector(self.service)
        for number, slot in enumerate((one, two)):
            assert slot.binding is not None
            connector.bind(slot.resource, slot.binding.ref)
            connector.remove_former(slot.resource, references[number], slot.binding.ref)
            still = references[0].fields["identifier"] in self.held(lab, slot)
            assert still == (number == 0), "the other slot still needs it, until it is back too"
        assert self.held(lab, one) == held

    def test_the_default_certificate_does_not_stand_beside_itself(self, lab: Lab) -> None:
        slots, wildcard = self.beside(lab, OTHER), lab.issue("*.example.com")
        reference = self.changed(lab, slots["default"], wildcard)
        found = slots[f"sni/{OTHER}"]
        held, connector = self.held(lab, found), lab.connector(self.service)
        with pytest.raises(Permanent) as refused:
            connector.bind(found.resource, reference)
        assert refused.value.code == "IsTheDefault"
        assert self.held(lab, found) == held
        assert connector.read(found.resource) == found.binding

    def test_a_listener_takes_one_change_at_a_time(self, lab: Lab) -> None:
        slots = self.beside(lab, OTHER)
        connector = lab.connector(self.service)
        assert len({connector.get_lock_key(one.resource) for one in slots.values()}) == 1
        reference, other = (self.install(lab, lab.issue(name)) for name in (HOST, OTHER))
        lab.cloud.set_propagation(3600)
        try:
            connector.bind(slots["default"].resource, reference)
            assert not connector.has_arrived(slots["default"].resource, reference)
            with pytest.raises(Transient):
                connector.bind(slots[f"sni/{OTHER}"].resource, other)
        finally:
            lab.cloud.set_propagation(0)

    def test_regions_are_kept_apart(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, region="cn-shanghai")
        self.create_resource(lab, OTHER, None, region="ap-southeast-1")
        found = list(list_all(lab.connector(self.service)))
        regions = {one.resource.region: one.resource.domains for one in found}
        assert regions == {"cn-shanghai": (HOST,), "ap-southeast-1": (OTHER,)}
        only = list_all(lab.connector(self.service, regions="cn-shanghai"))
        assert [one.resource.region for one in only] == ["cn-shanghai"]
        self.bind_and_read(lab, found[0].resource, lab.issue(*found[0].resource.domains))

    def test_a_full_listener_wants_someone_to_act(self, lab: Lab) -> None:
        names = [f"n{number}.example.org" for number in range(25)]
        found = self.beside(lab, *names)["sni/n0.example.org"]
        with pytest.raises(NeedsOperator) as refused:
            self.added(lab, found, lab.issue("n0.example.org"))
        assert refused.value.code == "QuotaExceeded.AdditionalCertsNum"

    def test_a_former_certificate_that_left_the_store_cannot_be_restored(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, None).resource
        lab.cloud.add_fault("error", "GetUserCertificateDetail", code="NotFound", status=404)
        connector = lab.connector(self.service)
        before = connector.read(resource)
        assert before is not None
        assert (before.fingerprint, before.ref is None) == (None, False)
        assert connector.explain_not_reversible(resource, before) == GONE_FROM_STORE

    def test_an_expired_former_certificate_is_warned_of(self, lab: Lab) -> None:
        gone = NOW - timedelta(days=1)
        expired = lab.ca.leaf((HOST,), not_before=gone - timedelta(days=9), not_after=gone)
        seed = {"pem": expired.pem.decode(), "key": expired.key_pem.decode()}
        lab.cloud.seed(self.product, account=lab.account, listeners=[{"certificate": seed}])
        (found,) = list_all(lab.connector(self.service))
        warnings = lab.connector(self.service).list_warnings(found.resource, found.binding)
        assert [each.code for each in warnings] == ["expired-before"]

    def test_a_stopped_listener_is_listed_with_its_state(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, status="stopped")
        assert self.slots(lab)["default"].resource.state == "stopped"

    def test_it_cannot_be_left_without_a_certificate(self, lab: Lab) -> None:
        for found in self.beside(lab, OTHER).values():
            with pytest.raises(Permanent) as refused:
                lab.connector(self.service).bind(found.resource, None)
            assert refused.value.code == "AlwaysOn"
