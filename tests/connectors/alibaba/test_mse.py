"""Domains of MSE's cloud-native gateways."""

import uuid
from typing import Any

import pytest

from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import CertificateRef
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


def gateway(lab: Lab, *domains: dict[str, Any], region: str = "cn-hangzhou") -> str:
    number = f"gw-{uuid.uuid4().hex[:12]}"
    described = {"id": number, "region": region, "domains": [*domains]}
    lab.cloud.seed("mse", account=lab.account, gateways=[described])
    return number


def domain(name: str, serving: Material | None, **more: Any) -> dict[str, Any]:
    return {"name": name, "certificate": serving and serving.seed, **more}


class TestMse(ConnectorContract):
    service = "alibaba.mse"
    reading = "ListGatewayDomain"
    binding = "UpdateSSLCert"
    page_size = 10
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        gateway(lab, domain(host, serving))

    def create_many(self, lab: Lab, number: int) -> None:
        for n in range(number):
            gateway(lab, domain(f"n{n}.example.com", None))

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_gateways_of_all_regions_are_listed(self, lab: Lab) -> None:
        first = gateway(lab, domain("a.example.com", None))
        second = gateway(lab, domain("b.example.com", None), region="ap-southeast-1")
        found = [f.resource for f in list_all(lab.connector(self.service))]
        assert [(r.region, r.detail["gateway"]) for r in found] == [
            ("cn-hangzhou", first),
            ("ap-southeast-1", second),
        ]
        assert all(r.key.startswith(f"{r.region}/{r.detail['gateway']}/") for r in found)

    def test_an_account_may_name_the_regions_to_list(self, lab: Lab) -> None:
        gateway(lab, domain("a.example.com", None))
        gateway(lab, domain("b.example.com", None), region="cn-shanghai")
        connector = lab.connector(self.service, regions="cn-shanghai")
        assert [f.resource.region for f in list_all(connector)] == ["cn-shanghai"]

    def test_a_change_is_made_in_the_region_of_its_gateway(self, lab: Lab) -> None:
        gateway(lab, domain(HOST, lab.issue(HOST)), region="cn-shanghai")
        (found,) = list_all(lab.connector(self.service))
        self.bind_and_read(lab, found.resource, lab.issue(HOST))

    def test_the_listing_shows_what_is_served_and_where_https_is_off(self, lab: Lab) -> None:
        made = lab.issue("on.example.com")
        off = self.create_and_find(lab, None)
        on = self.create_and_find(lab, made, "on.example.com")
        assert (off.binding_known, off.binding) == (True, None)
        assert on.binding is not None
        assert on.binding.fingerprint == made.certificate.fingerprint

    def test_the_domain_for_all_names_answers_to_its_certificates(self, lab: Lab) -> None:
        gateway(lab, domain("*", lab.issue("a.example.com", "b.example.com")))
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.domains == ("a.example.com", "b.example.com")

    @pytest.mark.parametrize(
        ("status", "state"),
        [(0, "unpublished"), (2, "online"), (4, "online"), (6, "unavailable")],
    )
    def test_a_domain_is_listed_with_its_state(self, lab: Lab, status: int, state: str) -> None:
        gateway(lab, domain(HOST, None, status=status))
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == state

    def test_it_is_settled_only_when_it_is_published(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector, reference = lab.connector(self.service), self.install(lab, lab.issue(HOST))
        lab.cloud.set_propagation(3600)
        try:
            connector.bind(resource, reference)
            assert not connector.has_arrived(resource, reference)
        finally:
            lab.cloud.set_propagation(0)

    def test_a_refusal_that_comes_with_http_200_is_none_the_less_one(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        fields = {"cert_id": "1", "identifier": "1-cn-hangzhou", "region": "cn-hangzhou"}
        with pytest.raises(Permanent) as refused:
            lab.connector(self.service).bind(
                resource, CertificateRef(store="alibaba.cas/cn", fields=fields)
            )
        assert refused.value.code == "HTTP404"

    def test_a_domain_that_is_gone_is_an_error(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        gone = resource.model_copy(update={"detail": {**resource.detail, "id": "1"}})
        with pytest.raises(Permanent) as refused:
            lab.connector(self.service).read(gone)
        assert refused.value.code == "NotFound"

    def test_https_is_not_switched_off(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(resource, None)
