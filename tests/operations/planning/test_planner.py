"""Making a plan against a practice cloud: it asks, stores what it was told, changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.inventory_sync import sync
from domain.errors import BadInput
from domain.plans.plan import wanted
from domain.plans.request import PlanRequest
from domain.resources.inventory_sync import INVENTORY_AGE
from operations.planning.planner import make_plan
from tests.support.house import ACCOUNT, SERVICE, House

NAMES = ("a.example.com", "b.example.com")
ASK = "DescribeDomainCertificateInfo"
READ = f"cdn.{ASK}"


def reads(house: House) -> int:
    return sum(house.cloud.calls().get(READ, {}).values())


def test_a_plan_holds_what_each_resource_serves_and_what_it_shall_serve(any_house: House) -> None:
    any_house.domains(*NAMES)
    new = any_house.upload("new", *NAMES)
    plan = any_house.plan(new)
    assert [change.resource.key for change in plan.changes] == list(NAMES)
    for change in plan.changes:
        assert change.before is not None
        assert change.before.fingerprint == any_house.former[change.resource.key]
        assert change.after is not None
        assert change.after.fingerprint == new.fingerprint
        item = any_house.store.inventory.get(change.resource.id)
        assert item.binding == change.before
    assert plan.cost == 2


def test_making_a_plan_changes_nothing_in_the_cloud(house: House) -> None:
    house.domains(*NAMES)
    before = house.cloud.resources(), house.cloud.certificates()
    house.plan(house.upload("new", *NAMES))
    assert (house.cloud.resources(), house.cloud.certificates()) == before


def test_what_was_read_a_moment_ago_is_not_read_again(house: House) -> None:
    house.domains(*NAMES)
    new = house.upload("new", *NAMES)
    first = house.plan(new)
    asked = reads(house)
    assert asked == 2
    assert house.plan(new).digest == first.digest
    assert reads(house) == asked


def test_what_was_read_long_ago_is_read_again(house: House) -> None:
    house.domains(*NAMES)
    new = house.upload("new", *NAMES)
    house.plan(new)
    house.rebind("a.example.com", house.ca.leaf(["a.example.com"]))
    wish = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    later = datetime.now(UTC) + INVENTORY_AGE + timedelta(seconds=1)
    plan = make_plan(house.store, house.clouds, wish, now=later)
    former = plan.changes[0].before
    assert former is not None
    assert former.fingerprint not in (None, house.former["a.example.com"])


def test_what_a_cloud_refuses_to_tell_is_refused_with_its_cause(house: House) -> None:
    house.domains(*NAMES)
    new = house.upload("new", *NAMES)
    house.cloud.fault(
        "error",
        "DescribeDomainCertificateInfo",
        resource="a.example.com",
        code="Forbidden.RAM",
        status=403,
    )
    wish = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    plan = make_plan(house.store, house.clouds, wish, now=datetime.now(UTC), fresh=True)
    assert [change.resource.key for change in plan.changes] == ["b.example.com"]
    (refusal,) = plan.refusals
    assert (refusal.subject, refusal.rule) == (f"{ACCOUNT}/{SERVICE}/a.example.com", "read")
    assert "Forbidden.RAM" in refusal.reason


def test_a_cloud_that_fails_now_and_then_is_asked_again(house: House) -> None:
    house.domains(*NAMES)
    new = house.upload("new", *NAMES)
    house.cloud.fault("error", ASK, code="ServiceUnavailable", status=503, count=2)
    wish = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    plan = make_plan(house.store, house.clouds, wish, now=datetime.now(UTC), fresh=True)
    assert (len(plan.changes), plan.refusals) == (2, ())


def test_what_a_silent_cloud_does_not_tell_is_left_out_and_named(house: House) -> None:
    house.domains(*NAMES)
    new = house.upload("new", *NAMES)
    house.cloud.fault("error", ASK, resource="a.example.com", code="Unavailable", status=503)
    wish = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    plan = make_plan(house.store, house.clouds, wish, now=datetime.now(UTC), fresh=True)
    assert [change.resource.key for change in plan.changes] == ["b.example.com"]
    (silent,) = plan.unread
    assert silent.subject.endswith("a.example.com")


def test_a_certificate_that_is_not_here_is_refused(house: House) -> None:
    with pytest.raises(BadInput):
        make_plan(
            house.store,
            house.clouds,
            PlanRequest(certificates=("ab" * 32,), all_matched=True),
            now=datetime.now(UTC),
        )


def test_a_filter_does_not_hide_that_the_default_slot_has_the_certificate_already(
    house: House,
) -> None:
    new = house.upload("new", "www.example.com", "api.example.com")
    first, second = (house.ca.leaf([name]) for name in new.names)
    given = [{"pem": each.pem.decode(), "key": each.key_pem.decode()} for each in (first, second)]
    listener = {"certificate": given[0], "additional": [given[1]]}
    house.cloud.seed("alb", account=house.key_id, listeners=[listener])
    assert sync(house.store, house.clouds, ACCOUNT, "alibaba.alb").error is None
    slots = {each.resource.slot: each.resource.id for each in house.store.inventory.list()}
    wish = PlanRequest(certificates=(new.fingerprint,), resources=(slots["sni"],))
    now = datetime.now(UTC)
    assert len(make_plan(house.store, house.clouds, wish, now=now).changes) == 1
    house.store.inventory.bound(slots["default"], wanted(new), now)
    plan = make_plan(house.store, house.clouds, wish, now=now)
    assert plan.changes == ()
    assert [(each.subject, each.rule) for each in plan.refusals] == [
        (slots["sni"], "once per listener")
    ]
