"""Slots of the Classic Load Balancer's listeners."""

from typing import Any

import pytest

from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import DiscoveredResource
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST

OTHER = "other.example.com"


class TestClb(ConnectorContract):
    service = "alibaba.clb"
    upload = "UploadServerCertificate"
    listing = "DescribeServerCertificates"
    removal = "DeleteServerCertificate"
    identity = "server_certificate_id"
    reading = "DescribeLoadBalancerHTTPSListenerAttribute"
    binding = "SetLoadBalancerHTTPSListenerAttribute"
    page_size = 100
    can_be_off = False
    shows_issuer = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: Any) -> None:
        listener = {"certificate": (serving or lab.issue(host)).seed, **more}
        lab.cloud.seed("clb", account=lab.account, listeners=[listener])

    def create_many(self, lab: Lab, number: int) -> None:
        one = {"certificate": lab.issue(HOST).seed}
        lab.cloud.seed("clb", account=lab.account, listeners=[one] * number)

    def list_stored(self, lab: Lab, made: Material) -> list[str]:
        wanted = made.certificate.fingerprint
        reply = self.made(lab).client.call(self.listing, {"RegionId": "cn-hangzhou"})
        rows = reply["ServerCertificates"]["ServerCertificate"]
        same = (row for row in rows if row["Fingerprint"].replace(":", "") == wanted)
        return [row["ServerCertificateId"] for row in same]

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        self.bind_and_read(lab, self.additional(lab).resource, lab.issue(OTHER))
        self.made(lab).remove(self.install(lab, lab.issue(HOST)))

    def additional(self, lab: Lab) -> DiscoveredResource:
        """The slot of an additional domain, beside a default one for another."""
        default, added = lab.issue(HOST), lab.issue(OTHER)
        self.create_resource(lab, HOST, default, domains={OTHER: added.seed})
        (found,) = [f for f in list_all(lab.connector(self.service)) if f.resource.slot == "sni"]
        return found

    def test_what_an_additional_domain_serves_stays(self, lab: Lab) -> None:
        slot = self.additional(lab)
        assert slot.binding is not None
        keeper, reference = self.made(lab), slot.binding.ref
        reason = keeper.in_use_by(reference)
        assert slot.resource.key in (reason or "")
        with pytest.raises(Permanent) as refused:
            keeper.remove(reference)
        assert refused.value.code == "CertificateRelatedDomainExtensionExist"

    def test_a_region_has_space_for_what_its_quota_allows(self, lab: Lab) -> None:
        keeper, store = self.made(lab), "alibaba.clb/cn-shanghai"
        assert keeper.get_free_space(store) == 100
        self.create_resource(lab, HOST, None, region="cn-shanghai")
        assert keeper.get_free_space(store) == 99
        lab.cloud.set_limit("clb", None)
        try:
            assert keeper.get_free_space(store) is None
        finally:
            lab.cloud.set_limit("clb", 100)

    def test_a_full_region_wants_someone_to_act(self, lab: Lab) -> None:
        lab.cloud.set_limit("clb", 0)
        try:
            with pytest.raises(NeedsOperator) as refused:
                self.install(lab, lab.issue(HOST), regions="cn-hangzhou")
            assert refused.value.code == "CertificateQuotaExceeded"
        finally:
            lab.cloud.set_limit("clb", 100)

    def test_it_finds_what_is_in_a_region_and_uploads_nothing(self, lab: Lab) -> None:
        made, keeper = lab.issue(HOST), self.made(lab)
        assert keeper.find_in_store("alibaba.clb/cn-hangzhou", made.certificate) is None
        reference = self.install(lab, made)
        assert keeper.find_in_store("alibaba.clb/cn-hangzhou", made.certificate) == reference
        assert keeper.find_in_store("alibaba.clb/cn-shanghai", made.certificate) is None

    def test_only_what_has_a_certificate_takes_one(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_the_listing_shows_what_is_served(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        found = self.create_and_find(lab, made)
        assert found.binding_known
        assert found.binding is not None
        assert found.binding == lab.connector(self.service).read(found.resource)
        assert found.binding.fingerprint == made.certificate.fingerprint

    def test_an_additional_domain_is_a_slot_of_its_own(self, lab: Lab) -> None:
        slot = self.additional(lab)
        (default,) = [
            f for f in list_all(lab.connector(self.service)) if f.resource.slot == "default"
        ]
        assert slot.resource.key.endswith(f"/443/sni/{OTHER}")
        assert slot.resource.domains == (OTHER,)
        made = lab.issue(OTHER)
        connector, after = self.bind_and_read(lab, slot.resource, made)
        assert after.fingerprint == made.certificate.fingerprint
        assert connector.read(default.resource) == default.binding
        assert slot.binding is not None
        connector.bind(slot.resource, slot.binding.ref)
        assert connector.read(slot.resource) == slot.binding

    def test_the_default_slot_leaves_names_to_additional_domains(self, lab: Lab) -> None:
        both = lab.issue(HOST, OTHER)
        self.create_resource(lab, HOST, both, domains={OTHER: lab.issue(OTHER).seed})
        domains = {f.resource.slot: f.resource.domains for f in list_all(self.made(lab))}
        assert domains == {"default": (HOST,), "sni": (OTHER,)}

    def test_all_regions_are_listed_and_keep_their_own_certificates(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, region="cn-shanghai")
        self.create_resource(lab, OTHER, None, region="ap-southeast-1")
        found = {f.resource.region: f.resource for f in list_all(self.made(lab))}
        assert set(found) == {"cn-shanghai", "ap-southeast-1"}
        made, connector = lab.issue(HOST), self.made(lab)
        references = [connector.install(made.certificate, made.key, r) for r in found.values()]
        assert len({one.fields["server_certificate_id"] for one in references}) == 2
        assert {one.store for one in references} == {f"alibaba.clb/{region}" for region in found}
        with pytest.raises(Permanent):
            connector.bind(found["cn-shanghai"], references[1])

    def test_the_account_may_name_its_regions(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, region="cn-shanghai")
        self.create_resource(lab, OTHER, None, region="cn-hangzhou")
        found = list_all(lab.connector(self.service, regions="cn-shanghai"))
        assert [f.resource.region for f in found] == ["cn-shanghai"]

    def test_a_certificate_is_found_by_either_kind_of_fingerprint(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.create_resource(lab, HOST, made, digest="sha1")
        reference = self.install(lab, made)
        assert made.opened == 0
        (found,) = list_all(self.made(lab))
        assert found.binding is not None
        assert (found.binding.ref, found.binding.fingerprint) == (reference, None)

    def test_one_of_ours_is_known_by_its_name_where_only_sha1_is_shown(self, lab: Lab) -> None:
        resource, made = self.create_and_find(lab, None).resource, lab.issue(HOST)
        self.bind_and_read(lab, resource, made)
        self.create_resource(lab, OTHER, made, digest="sha1")
        binding = self.made(lab).read(resource)
        assert binding is not None
        assert binding.fingerprint == made.certificate.fingerprint

    def test_no_blank_line_reaches_the_service(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        spaced = made.certificate.chain_pem.replace("-----\n-----", "-----\n\n-----") + "\n\n"
        made.certificate = made.certificate.model_copy(update={"chain_pem": spaced})
        self.install(lab, made)
        assert len(self.list_stored(lab, made)) == 1

    def test_a_stopped_listener_is_listed_with_its_state_and_wants_to_be_started(
        self, lab: Lab
    ) -> None:
        self.create_resource(lab, HOST, None, status="stopped")
        (found,) = list_all(self.made(lab))
        assert found.resource.state == "stopped"
        with pytest.raises(NeedsOperator) as refused:
            self.made(lab).bind(found.resource, self.install(lab, lab.issue(HOST)))
        assert refused.value.code == "OperationFailed.ListenerStatusNotSupport"

    def test_a_load_balancer_takes_one_change_at_a_time(self, lab: Lab) -> None:
        slot = self.additional(lab)
        (default,) = [f for f in list_all(self.made(lab)) if f.resource.slot == "default"]
        connector = self.made(lab)
        assert connector.get_lock_key(slot.resource) == connector.get_lock_key(default.resource)
        lab.cloud.set_propagation(3600)
        try:
            connector.bind(slot.resource, self.install(lab, lab.issue(OTHER)))
            with pytest.raises(Transient):
                connector.bind(default.resource, self.install(lab, lab.issue(HOST)))
        finally:
            lab.cloud.set_propagation(0)

    @pytest.mark.parametrize(
        "code", ["BackendServer.configuring", "DomainExtensionProcessing", "OperationBusy"]
    )
    def test_busy_words_of_the_service_are_worth_another_try(self, lab: Lab, code: str) -> None:
        resource = self.create_and_find(lab, None).resource
        reference = self.install(lab, lab.issue(HOST))
        lab.cloud.add_fault("error", self.binding, code=code, status=409)
        with pytest.raises(Transient):
            self.made(lab).bind(resource, reference)

    def test_it_cannot_be_left_without_a_certificate(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, None).resource
        with pytest.raises(Permanent) as refused:
            self.made(lab).bind(resource, None)
        assert refused.value.code == "AlwaysOn"

    def made(self, lab: Lab) -> Any:
        return lab.connector(self.service)
