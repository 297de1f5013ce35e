"""What a plan reads again and what it takes as it was seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

from activities.inventory_sync import sync
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.resources.inventory_sync import INVENTORY_AGE
from domain.resources.resource import Found
from operations.planning.bindings import Reading
from operations.planning.planner import make_plan
from tests.storage.examples import NEW
from tests.support.house import ACCOUNT, House

READ = "alb.ListListenerCertificates"
HOST = "www.example.com"


def balancer(house: House) -> None:
    """A listener, whose listing tells what it serves."""
    leaf = house.ca.leaf([HOST])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    house.cloud.seed("alb", account=house.key_id, listeners=[{"certificate": pem}])
    assert sync(house.store, house.clouds, ACCOUNT, "alibaba.alb").error is None


def lasting(house: House) -> None:
    """A certificate that the vault may offer for what is served now."""
    house.upload("new", HOST, not_after=datetime.now(UTC) + timedelta(days=200))


def reads(house: House) -> int:
    return sum(house.cloud.calls().get(READ, {}).values())


def plan(house: House, now: datetime | None = None, **asked: Any) -> Plan:
    wish = PlanRequest.model_validate({"certificates": (), "all_matched": True, **asked})
    return make_plan(house.store, house.clouds, wish, now=now or datetime.now(UTC))


def test_what_a_listing_told_a_moment_ago_is_not_read_again(house: House) -> None:
    balancer(house)
    lasting(house)
    before = reads(house)
    assert len(plan(house).changes) == 1
    assert reads(house) == before
    plan(house, datetime.now(UTC) + INVENTORY_AGE + timedelta(seconds=1))
    assert reads(house) == before + 1


def test_a_plan_tells_how_old_what_it_knows_is(house: House) -> None:
    began = datetime.now(UTC)
    house.domains("a.example.com", "b.example.com")
    new = house.upload("new", "*.example.com")
    first, second = house.store.inventory.list()
    house.store.inventory.bound(second.resource.id, second.binding, began - timedelta(hours=3))
    of_new = (new.fingerprint,)
    assert plan(house, certificates=of_new).as_of == began - timedelta(hours=3)
    one = plan(house, certificates=of_new, resources=(first.resource.id,), all_matched=False)
    assert one.as_of == first.read_at


def test_what_is_in_doubt_is_read_again(house: House) -> None:
    balancer(house)
    lasting(house)
    (change,) = plan(house).changes
    before = reads(house)
    house.store.inventory.doubt(change.resource.id)
    assert plan(house).digest == plan(house).digest
    assert reads(house) == before + 1


def test_a_listing_that_tells_too_little_for_a_way_back_is_followed_by_a_read(house: House) -> None:
    balancer(house)
    lasting(house)
    (item,) = house.store.inventory.list(service="alibaba.alb")
    assert item.binding is not None
    bare = item.binding.model_copy(update={"ref": None})
    found = {"resource": item.resource, "binding": bare, "binding_known": True}
    house.store.inventory.upsert([Found.model_validate(found)], datetime.now(UTC))
    before = reads(house)
    (change,) = plan(house).changes
    assert reads(house) == before + 1
    assert change.before == item.binding
    assert change.not_reversible is None


def test_a_listing_that_tells_all_that_a_read_does_is_followed_by_none(house: House) -> None:
    leaf = house.ca.leaf([HOST])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains = [{"name": HOST, "certificate": pem}]
    house.cloud.seed("function_compute", account=house.key_id, domains=domains)
    assert sync(house.store, house.clouds, ACCOUNT, "alibaba.function_compute").error is None
    lasting(house)
    (change,) = plan(house).changes
    assert change.before is not None
    assert change.before.fingerprint == leaf.fingerprint
    assert change.not_reversible is not None, "its key is not held here, and no read changes that"
    calls = house.cloud.calls()
    assert "function_compute.GET /2023-03-30/custom-domains/" + HOST not in calls
    assert not [name for name in calls if "GetCustomDomain" in name]


def test_how_much_is_read_is_told_first_and_then_how_far_it_is(house: House) -> None:
    house.domains("a.example.com", "b.example.com")
    new = house.upload("new", "*.example.com")
    told: list[Reading] = []
    wish = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    now = datetime.now(UTC)
    fresh = make_plan(house.store, house.clouds, wish, now=now, fresh=True, told=told.append)
    assert [(each.done, each.total) for each in told] == [(0, 2), (1, 2), (2, 2)]
    assert told[0].seconds > 0
    assert fresh.as_of == now
    make_plan(house.store, house.clouds, wish, now=now, told=told.append)
    assert len(told) == 3


def test_what_only_a_read_tells_is_filtered_after_it(house: House) -> None:
    house.domains("a.example.com", "b.example.com")
    new = house.upload("new", "*.example.com")
    former = house.former["a.example.com"]
    asked: dict[str, Any] = {"certificates": (new.fingerprint,), "serving": (former,)}
    assert [c.resource.key for c in plan(house, **asked).changes] == ["a.example.com"]
    named = plan(house, **{**asked, "resources": ("b.example.com",), "all_matched": False})
    assert [(each.rule, each.reason) for each in named.refusals] == [
        ("filter", "it serves another certificate")
    ]
    assert plan(house, certificates=(new.fingerprint,), serving=(NEW,)).changes == ()
