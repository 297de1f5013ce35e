"""Additional certificates of Global Accelerator's accelerated domains."""

from domain.resources.connector import Scenario
from domain.resources.resource import Resource
from tests.connectors.alibaba.ga_resources import build_listener, create_accelerator
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST

OTHER = "default.example.org"


def create_seeded(lab: Lab, serving: Material, *domains: str) -> str:
    additional = [{"domain": domain, "certificate": serving.seed} for domain in domains]
    return create_accelerator(lab, build_listener(lab.issue(OTHER), additional=additional))


class TestGaDomain(ConnectorContract):
    service = "alibaba.ga_domain"
    reading = "ListListenerCertificates"
    binding = "UpdateAdditionalCertificateWithListener"
    page_size = 10

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        create_seeded(lab, serving or lab.issue(host), host)

    def create_many(self, lab: Lab, number: int) -> None:
        made = lab.issue(HOST)
        for _ in range(number):
            create_seeded(lab, made, HOST)

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        resource = self.any_domain(lab)
        connector, reference = lab.connector(self.service), self.install(lab, lab.issue(HOST))
        connector.bind(resource, None)
        connector.bind(resource, reference)
        assert connector.has_arrived(resource, reference)
        connector.check()

    def any_domain(self, lab: Lab) -> Resource:
        return self.create_and_find(
            lab, lab.issue("calls.example.com"), "calls.example.com"
        ).resource

    def test_a_resource_without_a_certificate_gets_back_to_none_or_says_that_it_cannot(
        self, lab: Lab
    ) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector = lab.connector(self.service)
        assert connector.explain_not_reversible(resource, None) is None
        connector.bind(resource, None)
        assert connector.has_arrived(resource, None)
        assert connector.read(resource) is None
        assert list(list_all(connector)) == []
        self.bind_and_read(lab, resource, lab.issue(HOST))

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_each_domain_is_a_resource_and_the_default_certificate_is_none(self, lab: Lab) -> None:
        create_seeded(lab, lab.issue("*.example.com"), "a.example.com", "*.example.com")
        found = list(list_all(lab.connector(self.service)))
        assert [f.resource.domains for f in found] == [("a.example.com",), ("*.example.com",)]
        assert {f.resource.slot for f in found} == {"sni"}
        assert found[1].resource.key.endswith("/sni/*.example.com")
        assert all(f.binding_known and f.binding for f in found)

    def test_more_domains_than_one_listing_shows_are_all_found(self, lab: Lab) -> None:
        domains = [f"n{n}.example.com" for n in range(53)]
        create_seeded(lab, lab.issue("*.example.com"), *domains)
        found = list(list_all(lab.connector(self.service)))
        assert [f.resource.detail["domain"] for f in found] == domains

    def test_a_change_of_one_domain_leaves_the_others(self, lab: Lab) -> None:
        former = lab.issue("*.example.com")
        create_seeded(lab, former, "a.example.com", "b.example.com")
        connector = lab.connector(self.service)
        first, second = [found.resource for found in list_all(connector)]
        self.bind_and_read(lab, first, lab.issue("a.example.com"))
        untouched = connector.read(second)
        assert untouched is not None
        assert untouched.fingerprint == former.certificate.fingerprint

    def test_both_kinds_of_slots_share_the_accelerators_lock(self, lab: Lab) -> None:
        create_seeded(lab, lab.issue(HOST), HOST)
        keys = set()
        for service in ("alibaba.ga_domain", "alibaba.ga_listener"):
            connector = lab.connector(service)
            keys |= {connector.get_lock_key(found.resource) for found in list_all(connector)}
        assert len(keys) == 1

    def test_it_is_settled_only_when_the_accelerator_is_at_rest(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector, reference = lab.connector(self.service), self.install(lab, lab.issue(HOST))
        lab.cloud.set_propagation(3600)
        try:
            connector.bind(resource, reference)
            assert not connector.has_arrived(resource, reference)
        finally:
            lab.cloud.set_propagation(0)
