"""Domains of the traditional API Gateway."""

import uuid
from typing import Any

import pytest

from domain.errors import Transient
from domain.resources.connector import Scenario
from tests.connectors.alibaba.pem_contract import PemContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


def group(lab: Lab, *domains: dict[str, Any], **more: Any) -> str:
    number = uuid.uuid4().hex
    described = {"id": number, "domains": [*domains], **more}
    lab.cloud.seed("api_gateway", account=lab.account, groups=[described])
    return number


def domain(name: str, serving: Material | None, **settings: Any) -> dict[str, Any]:
    return {"name": name, "certificate": serving and serving.seed, "settings": settings}


class TestApiGateway(PemContract):
    service = "alibaba.api_gateway"
    reading = "DescribeDomain"
    binding = upload = "SetDomainCertificate"
    listing = "DescribeApiGroups"
    page_size = 10

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        group(lab, domain(host, serving))

    def create_many(self, lab: Lab, number: int) -> None:
        for n in range(number):
            group(lab, domain(f"n{n}.example.com", None))

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_groups_of_all_regions_are_listed_and_changed_where_they_are(self, lab: Lab) -> None:
        near = group(lab, domain("a.example.com", None))
        far = group(lab, domain(HOST, lab.issue(HOST)), region="ap-southeast-1")
        found = [f.resource for f in list_all(lab.connector(self.service))]
        assert [r.key for r in found] == [
            f"cn-hangzhou/{near}/a.example.com",
            f"ap-southeast-1/{far}/{HOST}",
        ]
        self.bind_and_read(lab, found[1], lab.issue(HOST))

    def test_the_listing_shows_where_there_is_no_certificate(self, lab: Lab) -> None:
        off = self.create_and_find(lab, None)
        on = self.create_and_find(lab, lab.issue("on.example.com"), "on.example.com")
        assert (off.binding_known, on.binding_known) == (True, False)

    @pytest.mark.parametrize(
        ("field", "value", "state"),
        [
            ("DomainBindingStatus", "BINDING", "online"),
            ("DomainBindingStatus", "BOUND", "unbound"),
            ("DomainLegalStatus", "ABNORMAL", "abnormal"),
        ],
    )
    def test_a_domain_is_listed_with_its_state(
        self, lab: Lab, field: str, value: str, state: str
    ) -> None:
        group(lab, domain(HOST, None, **{field: value}))
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == state

    def test_the_plan_warns_where_clients_are_asked_for_certificates(self, lab: Lab) -> None:
        group(lab, domain("asks.example.com", None, SslVerifyDepth=2))
        group(lab, domain("open.example.com", None, SslVerifyDepth=0))
        connector = lab.connector(self.service)
        asks, open_ = [found.resource for found in list_all(connector)]
        assert connector.list_warnings(asks, None)[0].code == "client-certificates"
        assert connector.list_warnings(open_, None) == ()

    def test_removing_what_is_not_there_is_harmless(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, None).resource
        connector = lab.connector(self.service)
        connector.bind(resource, None)
        assert connector.has_arrived(resource, None)

    def test_a_change_that_collides_with_another_is_made_again(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        lab.cloud.add_fault("error", self.binding, code="RepeatedCommit")
        with pytest.raises(Transient):
            self.bind_and_read(lab, resource, lab.issue(HOST))
