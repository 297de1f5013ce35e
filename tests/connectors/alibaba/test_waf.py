"""The firewall's domains, and its default certificate."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from domain.errors import Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import DiscoveredResource
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST

TLS: dict[str, Any] = {
    "TLSVersion": "tlsv1.2",
    "CipherSuite": 99,
    "CustomCiphers": ["ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA"],
    "EnableTLSv3": True,
}


class TestWaf(ConnectorContract):
    service = "alibaba.waf"
    reading = "DescribeDomainDetail"
    binding = "ModifyDomainCert"
    page_size = 50
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: Any) -> None:
        domain = {"name": host, "certificate": serving and serving.seed, **more}
        lab.cloud.seed("waf", account=lab.account, domains=[domain])

    def create_many(self, lab: Lab, number: int) -> None:
        domains = [{"name": f"n{n}.example.com", "certificate": None} for n in range(number)]
        lab.cloud.seed("waf", account=lab.account, domains=domains)

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        found = self.default(lab, lab.issue(HOST))
        self.bind_and_read(lab, found.resource, lab.issue(HOST))

    def default(self, lab: Lab, serving: Material, **more: Any) -> DiscoveredResource:
        self.create_resource(lab, "default", serving, **more)
        found = list_all(lab.connector(self.service))
        return next(f for f in found if f.resource.key.endswith("/default"))

    def sent(self, lab: Lab, action: str) -> dict[str, list[str]]:
        """The parameters of the last call of an operation."""
        rows = lab.cloud.list_requests(lab.account)
        return parse_qs(
            [row for row in rows if row["headers"]["x-acs-action"] == action][-1]["query"]
        )

    def test_certificates_can_only_be_replaced(self, lab: Lab) -> None:
        found = self.create_and_find(lab, None)
        assert (found.binding_known, found.binding) == (True, None)
        connector = lab.connector(self.service)
        assert connector.get_traits(self.service).scenarios == {Scenario.UPDATE}
        assert connector.read(found.resource) is None
        reference = self.install(lab, lab.issue(HOST))
        for target in (reference, None):
            with pytest.raises(Permanent):
                connector.bind(found.resource, target)

    @pytest.mark.parametrize("slot", ["ModifyDomainCert", "ModifyDefaultHttps"])
    def test_tls_settings_stay_as_they_are(self, lab: Lab, slot: str) -> None:
        if slot == "ModifyDomainCert":
            self.create_resource(lab, HOST, lab.issue(HOST), tls=TLS)
            (found,) = list_all(lab.connector(self.service))
        else:
            found = self.default(lab, lab.issue(HOST), tls=TLS)
        for _ in range(2):  # the second sends what the first has left there
            self.bind_and_read(lab, found.resource, lab.issue(HOST))
        sent = self.sent(lab, slot)
        assert sent["TLSVersion"] == ["tlsv1.2"]
        assert sent["CipherSuite"] == ["99"]
        assert sent["EnableTLSv3"] == ["True"]
        assert [sent[f"CustomCiphers.{n}"] for n in (1, 2)] == [[c] for c in TLS["CustomCiphers"]]

    def test_ciphers_are_not_named_where_a_whole_suite_is_in_use(self, lab: Lab) -> None:
        self.bind_and_read(
            lab, self.create_and_find(lab, lab.issue(HOST)).resource, lab.issue(HOST)
        )
        sent = self.sent(lab, self.binding)
        assert sent["CipherSuite"] == ["1"]
        assert not any(name.startswith("CustomCiphers") for name in sent)

    def test_the_default_answers_to_the_names_that_it_serves(self, lab: Lab) -> None:
        former = lab.issue("a.example.com", "*.example.com")
        found = self.default(lab, former)
        assert found.resource.domains == ("a.example.com", "*.example.com")
        assert found.binding is not None
        assert found.binding.fingerprint == former.certificate.fingerprint
        connector, _ = self.bind_and_read(lab, found.resource, lab.issue("a.example.com"))
        connector.bind(found.resource, found.binding.ref)
        assert connector.has_arrived(found.resource, found.binding.ref)
        assert connector.read(found.resource) == found.binding

    def test_the_mainland_and_the_rest_of_the_world_have_an_instance_each(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST))
        self.create_resource(lab, HOST, lab.issue(HOST), region="ap-southeast-1")
        here, there = list_all(lab.connector(self.service))
        assert [f.resource.region for f in (here, there)] == ["cn-hangzhou", "ap-southeast-1"]
        assert here.resource.detail["instance"] != there.resource.detail["instance"]
        self.bind_and_read(lab, there.resource, lab.issue(HOST))
        (only,) = list_all(lab.connector(self.service, regions="cn-beijing"))
        assert only.resource == here.resource

    @pytest.mark.parametrize(
        ("status", "state"),
        [(1, "online"), (2, "creating"), (3, "online"), (4, "releasing"), (5, "forwarding_off")],
    )
    def test_a_domain_is_listed_with_its_state(self, lab: Lab, status: int, state: str) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST), status=status)
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == state

    def test_a_domain_that_is_being_changed_is_tried_again_and_not_settled(self, lab: Lab) -> None:
        former = lab.issue(HOST)
        self.create_resource(lab, HOST, former, status=3)
        (found,) = list_all(lab.connector(self.service))
        connector = lab.connector(self.service)
        with pytest.raises(Transient) as failure:
            connector.bind(found.resource, self.install(lab, lab.issue(HOST)))
        assert failure.value.code == "Waf.Pullin.ResourceProcessing"
        assert not connector.has_arrived(found.resource, self.install(lab, former))

    def test_the_port_is_one_that_the_domain_listens_on(self, lab: Lab) -> None:
        self.create_resource(
            lab, "a.example.com", lab.issue("a.example.com"), https_ports=[8443, 443]
        )
        self.create_resource(lab, "b.example.com", lab.issue("b.example.com"), https_ports=[8443])
        ports = [f.resource.port for f in list_all(lab.connector(self.service))]
        assert ports == [443, 8443]

    def test_wildcards_are_written_as_certificates_write_them(self, lab: Lab) -> None:
        made = lab.issue("*.example.com")
        resource = self.create_and_find(lab, lab.issue("*.example.com"), "*.example.com").resource
        self.bind_and_read(lab, resource, made)
