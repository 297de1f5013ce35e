"""Custom domains of functions, in both versions."""

import json
from typing import Any

import pytest

from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Resource
from tests.connectors.alibaba.pem_contract import PemContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


def create_seeded(lab: Lab, name: str, serving: Material | None, **more: Any) -> None:
    described = {"name": name, "certificate": serving and serving.seed, **more}
    lab.cloud.seed("function_compute", account=lab.account, domains=[described])


class TestFunctionCompute(PemContract):
    service = "alibaba.function_compute"
    reading = "GetCustomDomain"
    binding = upload = "UpdateCustomDomain"
    listing = "ListCustomDomains"
    page_size = 100
    can_be_off = False

    @pytest.fixture
    def lab(self, lab: Lab) -> Lab:
        """Fewer regions than the service has: each costs two calls a listing."""
        lab.settings["regions"] = "cn-hangzhou,ap-southeast-1"
        return lab

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        create_seeded(lab, host, serving)

    def create_many(self, lab: Lab, number: int) -> None:
        domains = [{"name": f"n{n:03}.example.com"} for n in range(number)]
        lab.cloud.seed("function_compute", account=lab.account, domains=domains)

    def older(self, lab: Lab, serving: Material) -> Resource:
        """A domain of version 2.0."""
        create_seeded(lab, HOST, serving, version="2.0")
        (found,) = list_all(lab.connector(self.service))
        return found.resource

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        create_seeded(lab, "older.example.com", lab.issue("older.example.com"), version="2.0")
        self.bind_and_read(lab, self.find(lab, "older.example.com"), lab.issue("older.example.com"))

    def find(self, lab: Lab, name: str) -> Resource:
        found = [f.resource for f in list_all(lab.connector(self.service))]
        return next(each for each in found if name in each.domains)

    def test_the_listing_shows_all_that_a_read_shows(self, lab: Lab) -> None:
        create_seeded(lab, HOST, lab.issue(HOST))
        create_seeded(lab, "older.example.com", lab.issue("older.example.com"), version="2.0")
        connector = lab.connector(self.service)
        assert connector.listing_tells_all
        for found in list_all(connector):
            assert found.binding is not None
            assert connector.read(found.resource) == found.binding

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_domains_of_both_versions_and_all_regions_are_listed(self, lab: Lab) -> None:
        del lab.settings["regions"]
        create_seeded(lab, HOST, None)
        create_seeded(lab, HOST, None, version="2.0")
        create_seeded(lab, HOST, None, region="ap-southeast-1")
        keys = [found.resource.key for found in list_all(lab.connector(self.service))]
        assert keys == [
            "cn-hangzhou/www.example.com",
            "cn-hangzhou/2.0/www.example.com",
            "ap-southeast-1/www.example.com",
        ]

    def test_a_domain_of_the_older_version_is_changed_and_restored(self, lab: Lab) -> None:
        former = lab.issue(HOST)
        resource = self.older(lab, former)
        before = lab.connector(self.service).read(resource)
        assert before is not None
        connector, _ = self.bind_and_read(lab, resource, lab.issue(HOST))
        connector.bind(resource, before.ref)
        assert connector.read(resource) == before

    def test_the_older_versions_errors_are_understood(self, lab: Lab) -> None:
        resource = self.older(lab, lab.issue(HOST))
        lab.cloud.add_fault("throttle", self.reading, count=1)
        with pytest.raises(Transient) as slow:
            lab.connector(self.service).read(resource)
        assert slow.value.code == "Throttling.User"
        lab.cloud.add_fault("error", self.reading, code="AccessDenied", status=403, count=1)
        with pytest.raises(NeedsOperator) as refused:
            lab.connector(self.service).read(resource)
        assert "fc:GetCustomDomain" in (refused.value.advice or "")

    def test_too_many_requests_are_tried_again(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        lab.cloud.add_fault("error", self.reading, code="ResourceThrottled", status=429)
        with pytest.raises(Transient):
            lab.connector(self.service).read(resource)

    @pytest.mark.parametrize("protocol", ["HTTPS", "HTTP,HTTPS"])
    def test_protocol_and_tls_settings_are_sent_back(self, lab: Lab, protocol: str) -> None:
        settings = {"minVersion": "TLSv1.2", "cipherSuites": ["X"]}
        create_seeded(lab, HOST, lab.issue(HOST), protocol=protocol, tlsConfig=settings)
        (found,) = list_all(lab.connector(self.service))
        self.bind_and_read(lab, found.resource, lab.issue(HOST))
        (sent,) = [row for row in lab.cloud.list_requests(lab.account) if row["method"] == "PUT"]
        body = json.loads(sent["body"])
        assert (body["protocol"], body["tlsConfig"]) == (protocol, settings)
        assert set(body) == {"protocol", "tlsConfig", "certConfig"}

    def test_a_wildcard_domain_is_found_by_its_path(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue("*.example.com"), "*.example.com").resource
        self.bind_and_read(lab, resource, lab.issue("*.example.com"))

    def test_the_listing_shows_what_is_served_and_where_https_is_off(self, lab: Lab) -> None:
        made = lab.issue("on.example.com")
        off = self.create_and_find(lab, None)
        on = self.create_and_find(lab, made, "on.example.com")
        assert (off.binding_known, off.binding) == (True, None)
        assert on.binding is not None
        assert on.binding.fingerprint == made.certificate.fingerprint

    def test_https_is_not_switched_off(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(resource, None)
