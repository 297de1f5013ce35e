"""Domains of cloud-native API gateways."""

import json
from typing import Any

import pytest

from domain.errors import Permanent
from domain.resources.connector import Scenario
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


def create_seeded(lab: Lab, name: str, serving: Material | None, **more: Any) -> None:
    described = {"name": name, "certificate": serving and serving.seed, **more}
    lab.cloud.seed("apig", account=lab.account, domains=[described])


class TestApig(ConnectorContract):
    service = "alibaba.apig"
    reading = "GetDomain"
    binding = "UpdateDomain"
    page_size = 50
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        create_seeded(lab, host, serving)

    def create_many(self, lab: Lab, number: int) -> None:
        domains = [{"name": f"n{n}.example.com"} for n in range(number)]
        lab.cloud.seed("apig", account=lab.account, domains=domains)

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_every_setting_that_was_read_is_sent_back(self, lab: Lab) -> None:
        settings = {
            "forceHttps": True,
            "mTLSEnabled": True,
            "clientCACert": "the clients' authority",
            "caCertIdentifier": "7-cn-hangzhou",
            "http2Option": "Close",
            "tlsMin": "TLS 1.2",
            "tlsMax": "TLS 1.2",
            "tlsCipherSuitesConfig": {"configType": "Custom", "tlsCipherSuite": [{"name": "X"}]},
        }
        create_seeded(lab, HOST, lab.issue(HOST), settings=settings)
        (found,) = list_all(lab.connector(self.service))
        self.bind_and_read(lab, found.resource, lab.issue(HOST))
        (sent,) = [row for row in lab.cloud.list_requests(lab.account) if row["method"] == "PUT"]
        body = json.loads(sent["body"])
        assert {name: body.get(name) for name in settings} == settings
        assert (body["protocol"], body["domainScope"]) == ("HTTPS", "Dedicated")

    def test_domains_of_all_regions_are_listed_and_changed_where_they_are(self, lab: Lab) -> None:
        create_seeded(lab, "a.example.com", None)
        create_seeded(lab, HOST, lab.issue(HOST), region="cn-shanghai")
        found = [f.resource for f in list_all(lab.connector(self.service))]
        assert [r.region for r in found] == ["cn-hangzhou", "cn-shanghai"]
        assert found[1].key.startswith("cn-shanghai/")
        self.bind_and_read(lab, found[1], lab.issue(HOST))

    def test_the_listing_shows_what_is_served_and_where_https_is_off(self, lab: Lab) -> None:
        made = lab.issue("on.example.com")
        off = self.create_and_find(lab, None)
        on = self.create_and_find(lab, made, "on.example.com")
        assert (off.binding_known, off.binding) == (True, None)
        assert on.binding is not None
        assert on.binding.fingerprint == made.certificate.fingerprint

    def test_the_domain_for_all_names_answers_to_its_certificates(self, lab: Lab) -> None:
        create_seeded(lab, "*", lab.issue("a.example.com", "*.example.com"))
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.domains == ("a.example.com", "*.example.com")

    def test_a_domain_of_a_serverless_gateway_is_listed_as_one(self, lab: Lab) -> None:
        create_seeded(lab, HOST, None, scope="Serverless")
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == "serverless"

    def test_https_is_not_switched_off(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(resource, None)
