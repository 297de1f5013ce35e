"""Gateway routes of the Serverless App Engine."""

import logging
from typing import Any, ClassVar

import pytest

from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import DiscoveredResource
from tests.connectors.alibaba import test_clb as clb
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST

OTHER = "other.example.com"


class RoutesContract(ConnectorContract):
    reading = "DescribeIngress"
    binding = "UpdateIngress"
    page_size = 10  # one route in each of so many namespaces
    can_be_off = False
    kind: ClassVar[str]

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: Any) -> None:
        given = [serving.seed] if serving else []
        route = {"kind": self.kind, "domains": [host], "certificates": given, **more}
        lab.cloud.seed("sae", account=lab.account, routes=[route])

    def create_many(self, lab: Lab, number: int) -> None:
        for n in range(number):
            self.create_resource(lab, f"n{n}.example.com", None, namespace=f"cn-hangzhou:n{n}")

    def test_only_what_has_a_certificate_takes_one(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}
        found = self.create_and_find(lab, None)
        assert (found.binding_known, found.binding) == (True, None)
        with pytest.raises(Permanent) as refused:
            lab.connector(self.service).bind(found.resource, None)
        assert refused.value.code == "AlwaysOn"

    def test_the_listing_shows_what_is_served(self, lab: Lab) -> None:
        found = self.create_and_find(lab, lab.issue(HOST))
        assert found.binding_known
        assert found.binding == lab.connector(self.service).read(found.resource)

    def test_a_route_for_any_host_goes_by_the_names_of_its_certificate(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, lab.issue(OTHER), domains=[])
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.domains == (OTHER,)

    def test_routes_of_all_regions_and_namespaces_are_found(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, region="cn-shanghai")
        self.create_resource(lab, OTHER, None, namespace="cn-hangzhou:test")
        found = list_all(lab.connector(self.service))
        assert {f.resource.region: f.resource.domains for f in found} == {
            "cn-shanghai": (HOST,),
            "cn-hangzhou": (OTHER,),
        }

    def test_the_keys_of_namespaces_are_kept_nowhere(
        self, lab: Lab, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        self.create_resource(lab, HOST, lab.issue(HOST), namespace="cn-hangzhou:test")
        connector = lab.connector(self.service)
        shown = repr([*list_all(connector)]) + repr(vars(connector)) + caplog.text
        assert HOST in shown
        assert "namespace-secret-key" not in shown
        assert "namespace-access-key" not in shown

    def test_a_failure_inside_an_answer_is_a_failure(self, lab: Lab) -> None:
        found = self.create_and_find(lab, lab.issue(HOST))
        reference = self.install(lab, lab.issue(HOST))
        gone = found.resource.model_copy(
            update={"detail": {**found.resource.detail, "ingress": "1"}}
        )
        with pytest.raises(Permanent) as refused:
            lab.connector(self.service).bind(gone, reference)
        assert refused.value.code == "IngressNotFound"


class TestSaeOnAlb(RoutesContract):
    service = "alibaba.sae"
    kind = "alb"

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        on_clb = TestSaeOnClb()
        on_clb.create_resource(lab, OTHER, lab.issue(OTHER))
        (found,) = [f for f in self.routes(lab) if f.resource.detail["kind"] == "clb"]
        self.bind_and_read(lab, found.resource, lab.issue(OTHER))

    def routes(self, lab: Lab) -> list[DiscoveredResource]:
        return list(list_all(lab.connector(self.service)))

    def several(self, lab: Lab) -> dict[str, DiscoveredResource]:
        """A route with one certificate for each of three names, by slot."""
        names = (HOST, OTHER, "third.example.com")
        given = [lab.issue(name).seed for name in names]
        self.create_resource(lab, HOST, None, domains=names, certificates=given)
        return {f.resource.key.split("/", 2)[2]: f for f in self.routes(lab)}

    def listed(self, lab: Lab, found: DiscoveredResource) -> list[str]:
        connector: Any = lab.connector(self.service)
        row = connector.routes.get_route(found.resource.region, found.resource.detail["ingress"])
        return str(row["CertIds"]).split(",")

    def test_each_certificate_of_a_list_is_a_slot_and_the_others_stay(self, lab: Lab) -> None:
        slots = self.several(lab)
        assert {key: f.resource.domains for key, f in slots.items()} == {
            "default": (HOST,),
            f"sni/{OTHER}": (OTHER,),
            "sni/third.example.com": ("third.example.com",),
        }
        for position, (key, name) in enumerate([("default", HOST), (f"sni/{OTHER}", OTHER)]):
            before = self.listed(lab, slots[key])
            connector, after = self.bind_and_read(lab, slots[key].resource, lab.issue(name))
            assert after.ref is not None
            expected = [*before]
            expected.pop(position)
            now = self.listed(lab, slots[key])
            assert sorted(now) == sorted([*expected, after.ref.fields["identifier"]])
            binding = slots[key].binding
            assert binding is not None
            connector.bind(slots[key].resource, binding.ref)
            assert connector.has_arrived(slots[key].resource, binding.ref)
            assert connector.read(slots[key].resource) == binding

    def test_one_certificate_may_take_over_several_slots_and_leave_one_of_them(
        self, lab: Lab
    ) -> None:
        slots = self.several(lab)
        one, two = slots[f"sni/{OTHER}"], slots["sni/third.example.com"]
        before, wildcard = self.listed(lab, one), lab.issue("*.example.com")
        for slot in (one, two):
            self.bind_and_read(lab, slot.resource, wildcard)
        assert len(self.listed(lab, one)) == 2
        connector = lab.connector(self.service)
        assert one.binding is not None
        connector.bind(one.resource, one.binding.ref)
        assert len(self.listed(lab, one)) == 3, "the other slot still needs the wildcard"
        assert two.binding is not None
        connector.bind(two.resource, two.binding.ref)
        assert sorted(self.listed(lab, one)) == sorted(before)

    def test_it_locks_what_the_load_balancer_s_own_connector_locks(self, lab: Lab) -> None:
        found = self.create_and_find(lab, lab.issue(HOST))
        balancer = found.resource.detail["load_balancer"]
        listener = {"load_balancer": balancer, "certificate": lab.issue(OTHER).seed}
        lab.cloud.seed("alb", account=lab.account, listeners=[listener])
        alb = lab.connector("alibaba.alb")
        (slot,) = list_all(alb)
        assert alb.get_lock_key(slot.resource) == lab.connector(self.service).get_lock_key(
            found.resource
        )


class TestSaeOnClb(RoutesContract):
    service = "alibaba.sae"
    kind = "clb"
    shows_issuer = False
    shows_users = False  # a route's listener is not among those of its load balancer here
    upload = clb.TestClb.upload
    listing = clb.TestClb.listing
    removal = clb.TestClb.removal
    identity = clb.TestClb.identity

    def list_stored(self, lab: Lab, made: Material) -> list[str]:
        return clb.TestClb().list_stored(lab, made)

    def test_it_locks_what_the_load_balancer_s_own_connector_locks(self, lab: Lab) -> None:
        found = self.create_and_find(lab, lab.issue(HOST))
        balancer = found.resource.detail["load_balancer"]
        clb.TestClb().create_resource(lab, OTHER, None, load_balancer=balancer)
        balancers = lab.connector("alibaba.clb")
        (slot,) = list_all(balancers)
        assert balancers.get_lock_key(slot.resource) == lab.connector(self.service).get_lock_key(
            found.resource
        )

    def test_a_certificate_is_shared_with_the_load_balancer_s_own_connector(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        reference = self.install(lab, made)
        clb.TestClb().create_resource(lab, OTHER, None)
        assert clb.TestClb().install(lab, made) == reference
        assert made.opened == 1
