"""What a plan reads again, what it takes from the inventory, and how it retries reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import NeedsOperator, Transient
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.resources.inventory_sync import INVENTORY_AGE
from domain.resources.resource import DiscoveredResource
from operations.inventory.service_sync import sync_here
from operations.planning.bindings import (
    MAX_PAUSE,
    OUTAGE_AFTER,
    TRIES,
    ReadProgress,
    RetryingCall,
)
from operations.planning.planner import make_plan
from tests.support.stack import ACCOUNT, Stack
from tests.support.stored_examples import NEW

READ = "alb.ListListenerCertificates"
HOST = "www.example.com"


def seed_balancer(stack: Stack) -> None:
    """A listener, whose listing reports what it serves."""
    leaf = stack.ca.leaf([HOST])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    stack.cloud.seed("alb", account=stack.key_id, listeners=[{"certificate": pem}])
    assert sync_here(stack.store, stack.connectors, ACCOUNT, "alibaba.alb").error is None


def upload_long_lived(stack: Stack) -> None:
    """A certificate that is valid longer than the one that is served."""
    stack.upload("new", HOST, not_after=datetime.now(UTC) + timedelta(days=200))


def count_reads(stack: Stack) -> int:
    return sum(stack.cloud.count_calls().get(READ, {}).values())


def build_plan(stack: Stack, now: datetime | None = None, **fields: Any) -> Plan:
    request = PlanRequest.model_validate({"certificates": (), "all_matched": True, **fields})
    return make_plan(stack.store, stack.connectors, request, now=now or datetime.now(UTC))


def test_a_binding_that_was_just_listed_is_not_read_again(stack: Stack) -> None:
    seed_balancer(stack)
    upload_long_lived(stack)
    before = count_reads(stack)
    assert len(build_plan(stack).changes) == 1
    assert count_reads(stack) == before
    build_plan(stack, datetime.now(UTC) + INVENTORY_AGE + timedelta(seconds=1))
    assert count_reads(stack) == before + 1


def test_a_plan_has_the_age_of_its_oldest_binding(stack: Stack) -> None:
    began = datetime.now(UTC)
    stack.seed_domains("a.example.com", "b.example.com")
    new = stack.upload("new", "*.example.com")
    first, second = stack.store.inventory.list()
    stack.store.inventory.save_binding(
        second.resource.id, second.binding, began - timedelta(hours=3)
    )
    of_new = (new.fingerprint,)
    assert build_plan(stack, certificates=of_new).as_of == began - timedelta(hours=3)
    one = build_plan(stack, certificates=of_new, resources=(first.resource.id,), all_matched=False)
    assert one.as_of == first.read_at


def test_an_unknown_binding_is_read_again(stack: Stack) -> None:
    seed_balancer(stack)
    upload_long_lived(stack)
    (change,) = build_plan(stack).changes
    before = count_reads(stack)
    stack.store.inventory.mark_unknown(change.resource.id)
    assert build_plan(stack).digest == build_plan(stack).digest
    assert count_reads(stack) == before + 1


def test_a_listing_that_reports_too_little_for_a_rollback_is_followed_by_a_read(
    stack: Stack,
) -> None:
    seed_balancer(stack)
    upload_long_lived(stack)
    (item,) = stack.store.inventory.list(service="alibaba.alb")
    assert item.binding is not None
    bare = item.binding.model_copy(update={"ref": None})
    found = {"resource": item.resource, "binding": bare, "binding_known": True}
    stack.store.inventory.upsert([DiscoveredResource.model_validate(found)], datetime.now(UTC))
    before = count_reads(stack)
    (change,) = build_plan(stack).changes
    assert count_reads(stack) == before + 1
    assert change.before == item.binding
    assert change.not_reversible is None


def test_a_listing_that_reports_all_that_a_read_does_is_followed_by_none(stack: Stack) -> None:
    leaf = stack.ca.leaf([HOST])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains = [{"name": HOST, "certificate": pem}]
    stack.cloud.seed("function_compute", account=stack.key_id, domains=domains)
    assert (
        sync_here(stack.store, stack.connectors, ACCOUNT, "alibaba.function_compute").error is None
    )
    upload_long_lived(stack)
    (change,) = build_plan(stack).changes
    assert change.before is not None
    assert change.before.fingerprint == leaf.fingerprint
    assert change.not_reversible is not None, "its key is not stored, and no read changes that"
    calls = stack.cloud.count_calls()
    assert "function_compute.GET /2023-03-30/custom-domains/" + HOST not in calls
    assert not [name for name in calls if "GetCustomDomain" in name]


def test_the_listener_gets_the_total_first_and_then_the_progress(stack: Stack) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    new = stack.upload("new", "*.example.com")
    progress: list[ReadProgress] = []
    request = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    now = datetime.now(UTC)
    fresh = make_plan(
        stack.store, stack.connectors, request, now=now, fresh=True, listener=progress.append
    )
    assert [(each.read, each.total) for each in progress] == [(0, 2), (1, 2), (2, 2)]
    assert progress[0].seconds > 0
    assert fresh.as_of == now
    make_plan(stack.store, stack.connectors, request, now=now, listener=progress.append)
    assert len(progress) == 3


def test_filters_apply_to_bindings_that_were_just_read(stack: Stack) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    new = stack.upload("new", "*.example.com")
    former = stack.fingerprints_before["a.example.com"]
    filters: dict[str, Any] = {"certificates": (new.fingerprint,), "serving": (former,)}
    assert [c.resource.key for c in build_plan(stack, **filters).changes] == ["a.example.com"]
    named = build_plan(stack, **{**filters, "resources": ("b.example.com",), "all_matched": False})
    assert [each.code for each in named.refusals] == ["filter"]
    assert build_plan(stack, certificates=(new.fingerprint,), serving=(NEW,)).changes == ()


class FlakyCall:
    """Fails so often, then returns."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures, self.calls = failures, 0
        self.error = error or Transient("busy", code="Throttling")

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "result"


def test_a_transient_error_is_retried_after_longer_and_longer_pauses() -> None:
    pauses: list[float] = []
    cloud = FlakyCall(failures=TRIES - 1)
    assert RetryingCall(pauses.append)(cloud) == "result"
    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_the_delay_of_the_provider_is_used_up_to_the_longest_pause() -> None:
    pauses: list[float] = []
    retrying = RetryingCall(pauses.append)
    retrying(FlakyCall(1, Transient("busy", code="Throttling", retry_after=3)))
    retrying(FlakyCall(1, Transient("busy", code="Throttling", retry_after=600)))
    assert pauses == [3, MAX_PAUSE]


def test_a_call_that_always_fails_raises_its_last_error() -> None:
    cloud = FlakyCall(failures=99)
    with pytest.raises(Transient) as caught:
        RetryingCall(lambda seconds: None)(cloud)
    assert caught.value is cloud.error
    assert cloud.calls == TRIES


def test_an_error_that_needs_an_operator_is_not_retried() -> None:
    cloud = FlakyCall(99, NeedsOperator("forbidden", code="Forbidden"))
    with pytest.raises(NeedsOperator):
        RetryingCall(lambda seconds: None)(cloud)
    assert cloud.calls == 1


def test_in_an_outage_each_call_is_tried_once_until_one_succeeds() -> None:
    retrying = RetryingCall(lambda seconds: None)
    for _ in range(OUTAGE_AFTER):
        with pytest.raises(Transient):
            retrying(FlakyCall(99))
    silent = FlakyCall(99)
    with pytest.raises(Transient):
        retrying(silent)
    assert silent.calls == 1
    assert retrying(FlakyCall(0)) == "result"
    assert retrying(FlakyCall(1)) == "result"
