"""A plan does not ask for uploads that a full store would refuse."""

from collections.abc import Iterator
from typing import Any

import pytest

from activities.inventory_sync import sync
from domain.plans.plan import Plan
from operations.planning.store_capacity import RULE
from tests.activities.generations import Generations
from tests.support.house import ACCOUNT, House

NAMES = ("a.example.com", "b.example.com")
QUOTA, LISTING = "quotas.GetProductQuota", "clb.DescribeServerCertificates"


class Balancers(Generations):
    """Listeners of the classic load balancer, each with a certificate of its own."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        listeners: list[dict[str, Any]] = []
        for name in NAMES:
            leaf = house.ca.leaf([name])
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            listeners.append({"certificate": pem})
        house.cloud.seed("clb", account=house.key_id, listeners=listeners)
        assert sync(house.store, house.clouds, ACCOUNT, "alibaba.clb").error is None

    def asked(self, operation: str) -> int:
        return sum(self.house.cloud.calls().get(operation, {}).values())


@pytest.fixture
def balancers(house: House) -> Iterator[Balancers]:
    balancers = Balancers(house)
    yield balancers
    balancers.stop()


def refused(plan: Plan) -> list[str]:
    return [each.reason for each in plan.refusals if each.rule == RULE]


def test_what_fits_is_planned_and_the_store_is_asked_once(balancers: Balancers) -> None:
    plan = balancers.house.plan(balancers.house.upload("new", *NAMES))
    assert len(plan.changes) == 2
    assert refused(plan) == []
    assert balancers.asked(QUOTA) == 1


def test_a_full_store_refuses_each_change_with_what_to_do(balancers: Balancers) -> None:
    balancers.house.cloud.limit("clb", 2)
    plan = balancers.house.plan(balancers.house.upload("new", *NAMES))
    assert plan.changes == ()
    told = (
        "alibaba.clb/cn-hangzhou of main takes no more certificates, so 'new' does not fit; "
        "nothing there is ours to remove: raise the quota, or delete by hand"
    )
    assert refused(plan) == [told, told]
    assert balancers.asked(QUOTA) == 1


def test_what_could_go_is_named_with_the_command_that_removes_it(balancers: Balancers) -> None:
    for name in ("first", "second", "third"):
        balancers.deploy(name, *NAMES)
    balancers.house.cloud.limit("clb", 5)
    new = balancers.house.upload("new", *NAMES)
    plan = balancers.house.plan(new)
    assert plan.changes == ()
    assert all(
        reason.endswith(
            "if no former ones were kept, these could go: first, second "
            "(certroll certificate cleanup --account main --keep 0)"
        )
        for reason in refused(plan)
    )
    balancers.house.store.keep_certificates = 1
    assert all(
        reason.endswith("could go: first (certroll certificate cleanup --account main)")
        for reason in refused(balancers.house.plan(new))
    )


def test_of_several_certificates_those_that_fit_are_planned(balancers: Balancers) -> None:
    balancers.house.cloud.limit("clb", 3)
    made = [balancers.house.upload(name, name) for name in NAMES]
    plan = balancers.house.plan(*made)
    assert len(plan.changes) == 1
    assert len(refused(plan)) == 1


def test_what_is_known_to_lie_there_needs_no_space(balancers: Balancers) -> None:
    new = balancers.house.upload("new", *NAMES)
    balancers.install(balancers.create(new))
    balancers.house.cloud.limit("clb", 3)
    asked = balancers.asked(QUOTA)
    assert len(balancers.house.plan(new).changes) == 2
    assert balancers.asked(QUOTA) == asked


def test_what_somebody_else_put_there_needs_no_space(balancers: Balancers) -> None:
    house = balancers.house
    new = house.upload("new", *NAMES)
    key = house.store.certificates.key(new.fingerprint).traditional_pem().decode()
    listener = {"certificate": {"pem": new.chain_pem, "key": key}, "region": "cn-hangzhou"}
    house.cloud.seed("clb", account=house.key_id, listeners=[listener])
    house.cloud.limit("clb", 3)
    assert len(house.plan(new).changes) == 2


def test_who_does_not_tell_a_limit_refuses_nothing(balancers: Balancers) -> None:
    new = balancers.house.upload("new", *NAMES)
    balancers.house.cloud.limit("clb", None)
    assert len(balancers.house.plan(new).changes) == 2
    balancers.house.cloud.limit("clb", 0)
    balancers.house.cloud.fault("error", "GetProductQuota", code="NoPermission", status=403)
    assert len(balancers.house.plan(new).changes) == 2
