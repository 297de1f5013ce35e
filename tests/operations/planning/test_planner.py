"""Building a plan against the practice cloud: it reads, saves bindings, and changes nothing."""

import gc
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadInput
from domain.plans.plan import build_binding
from domain.plans.request import PlanRequest
from domain.resources.inventory_sync import INVENTORY_AGE
from domain.resources.resource import Binding
from operations.inventory.service_sync import sync_here
from operations.planning.planner import estimate_plan, make_plan
from tests.support.stack import ACCOUNT, SERVICE, Stack

NAMES = ("a.example.com", "b.example.com")
ASK = "DescribeDomainCertificateInfo"
READ = f"cdn.{ASK}"
DAY = timedelta(days=1)


def count_reads(stack: Stack) -> int:
    return sum(stack.cloud.count_calls().get(READ, {}).values())


def test_a_plan_has_the_bindings_before_and_after_of_each_resource(any_stack: Stack) -> None:
    any_stack.seed_domains(*NAMES)
    new = any_stack.upload("new", *NAMES)
    plan = any_stack.build_plan(new)
    assert [change.resource.key for change in plan.changes] == list(NAMES)
    for change in plan.changes:
        assert change.before is not None
        assert change.before.fingerprint == any_stack.fingerprints_before[change.resource.key]
        assert change.after is not None
        assert change.after.fingerprint == new.fingerprint
        item = any_stack.store.inventory.get(change.resource.id)
        assert item.binding == change.before
    assert plan.cost == 2


def test_building_a_plan_changes_nothing_in_the_cloud(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    before = stack.cloud.list_resources(), stack.cloud.list_certificates()
    stack.build_plan(stack.upload("new", *NAMES))
    assert (stack.cloud.list_resources(), stack.cloud.list_certificates()) == before


def test_a_binding_that_was_just_read_is_not_read_again(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    first = stack.build_plan(new)
    asked = count_reads(stack)
    assert asked == 2
    assert stack.build_plan(new).digest == first.digest
    assert count_reads(stack) == asked


def test_a_binding_that_was_read_long_ago_is_read_again(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    stack.build_plan(new)
    stack.rebind("a.example.com", stack.ca.leaf(["a.example.com"]))
    request = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    later = datetime.now(UTC) + INVENTORY_AGE + timedelta(seconds=1)
    plan = make_plan(stack.store, stack.connectors, request, now=later)
    former = plan.changes[0].before
    assert former is not None
    assert former.fingerprint not in (None, stack.fingerprints_before["a.example.com"])


def test_a_resource_that_cannot_be_read_is_refused_with_the_cause(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    stack.cloud.add_fault(
        "error",
        "DescribeDomainCertificateInfo",
        resource="a.example.com",
        code="Forbidden.RAM",
        status=403,
    )
    request = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    plan = make_plan(stack.store, stack.connectors, request, now=datetime.now(UTC), fresh=True)
    assert [change.resource.key for change in plan.changes] == ["b.example.com"]
    (refusal,) = plan.refusals
    assert (refusal.subject, refusal.code) == (f"{ACCOUNT}/{SERVICE}/a.example.com", "read")
    assert "Forbidden.RAM" in refusal.reason


def test_a_transient_error_of_a_cloud_is_retried(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    stack.cloud.add_fault("error", ASK, code="ServiceUnavailable", status=503, count=2)
    request = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    plan = make_plan(stack.store, stack.connectors, request, now=datetime.now(UTC), fresh=True)
    assert (len(plan.changes), plan.refusals) == (2, ())


def test_a_resource_whose_cloud_does_not_answer_is_left_out_and_named(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    stack.cloud.add_fault("error", ASK, resource="a.example.com", code="Unavailable", status=503)
    request = PlanRequest(certificates=(new.fingerprint,), all_matched=True)
    plan = make_plan(stack.store, stack.connectors, request, now=datetime.now(UTC), fresh=True)
    assert [change.resource.key for change in plan.changes] == ["b.example.com"]
    (silent,) = plan.unread
    assert silent.subject.endswith("a.example.com")


def test_an_unknown_certificate_is_refused(stack: Stack) -> None:
    with pytest.raises(BadInput):
        make_plan(
            stack.store,
            stack.connectors,
            PlanRequest(certificates=("ab" * 32,), all_matched=True),
            now=datetime.now(UTC),
        )


def test_a_filter_does_not_hide_that_the_default_slot_already_has_the_certificate(
    stack: Stack,
) -> None:
    new = stack.upload("new", "www.example.com", "api.example.com")
    first, second = (stack.ca.leaf([name]) for name in new.names)
    given = [{"pem": each.pem.decode(), "key": each.key_pem.decode()} for each in (first, second)]
    listener = {"certificate": given[0], "additional": [given[1]]}
    stack.cloud.seed("alb", account=stack.key_id, listeners=[listener])
    assert sync_here(stack.store, stack.connectors, ACCOUNT, "alibaba.alb").error is None
    slots = {each.resource.slot: each.resource.id for each in stack.store.inventory.list()}
    request = PlanRequest(certificates=(new.fingerprint,), resources=(slots["sni"],))
    now = datetime.now(UTC)
    assert len(make_plan(stack.store, stack.connectors, request, now=now).changes) == 1
    stack.store.inventory.save_binding(slots["default"], build_binding(new), now)
    plan = make_plan(stack.store, stack.connectors, request, now=now)
    assert plan.changes == ()
    assert [(each.subject, each.code) for each in plan.refusals] == [
        (slots["sni"], "once-per-listener")
    ]


def test_filters_are_applied_again_to_bindings_that_were_just_read(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    ids = tuple(f"{ACCOUNT}/{SERVICE}/{name}" for name in NAMES)
    before = stack.fingerprints_before[NAMES[0]]
    assert before is not None
    request = PlanRequest(certificates=(new.fingerprint,), resources=ids, serving=(before,))
    now = datetime.now(UTC)
    plan = make_plan(stack.store, stack.connectors, request, now=now, fresh=True)
    assert [change.resource.key for change in plan.changes] == [NAMES[0]]
    assert [(each.subject, each.code) for each in plan.refusals] == [(ids[1], "filter")]


def test_a_vault_without_a_valid_certificate_has_no_plan(stack: Stack) -> None:
    request = PlanRequest(certificates=(), all_matched=True)
    with pytest.raises(BadInput) as caught:
        make_plan(stack.store, stack.connectors, request, now=datetime.now(UTC))
    assert caught.value.code == "no-valid-certificate"


def test_the_whole_vault_is_planned_with_garbage_collection_off_only_meanwhile(
    stack: Stack,
) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    request = PlanRequest(certificates=(), all_matched=True)
    now, states = datetime.now(UTC), []
    gc.disable()
    try:
        plan = make_plan(stack.store, stack.connectors, request, now=now)
        states.append(gc.isenabled())
    finally:
        gc.enable()
    assert make_plan(stack.store, stack.connectors, request, now=now).digest == plan.digest
    states.append(gc.isenabled())
    assert states == [False, True]
    assert {each.after.fingerprint for each in plan.changes if each.after} == {new.fingerprint}


def test_an_estimate_counts_the_calls_of_all_changes(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    plan = stack.build_plan(stack.upload("new", *NAMES))
    estimate = estimate_plan(stack.connectors, plan)
    assert estimate.seconds > 0
    assert estimate_plan(stack.connectors, plan, 1).seconds >= estimate.seconds


def test_a_named_resource_that_has_just_left_a_filter_is_refused(stack: Stack) -> None:
    stack.seed_domains(NAMES[0])
    new, before = stack.upload("new", *NAMES), stack.fingerprints_before[NAMES[0]]
    assert before is not None
    name = f"{ACCOUNT}/{SERVICE}/{NAMES[0]}"
    stack.build_plan(new)  # reads the binding into the inventory
    stack.rebind(NAMES[0], stack.ca.leaf([NAMES[0]]))
    request = PlanRequest(certificates=(new.fingerprint,), resources=(name,), serving=(before,))
    now = datetime.now(UTC)
    plan = make_plan(stack.store, stack.connectors, request, now=now, fresh=True)
    assert plan.changes == ()
    assert [(each.subject, each.code) for each in plan.refusals] == [(name, "filter")]
    unnamed = PlanRequest(certificates=(new.fingerprint,), services=(SERVICE,), expiring_before=now)
    stack.store.inventory.save_binding(name, Binding(fingerprint=before, not_after=now - DAY), now)
    later = now + timedelta(minutes=1)
    plan = make_plan(stack.store, stack.connectors, unnamed, now=later, fresh=True)
    assert (plan.changes, plan.refusals) == ((), ()), "one that is not named is left out"
