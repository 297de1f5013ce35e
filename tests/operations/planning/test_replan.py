"""A saved plan is built again: the same changes, or refusals for those that are not possible."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import delete

from domain.errors import Transient
from domain.plans.plan import Plan
from domain.plans.refusal import RefusalCode
from operations.planning import replan as replanning
from operations.planning.replan import replan
from storage.tables.core import CertificateRow, ResourceRow
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.stored_examples import mark_vanished

NAMES = ("a.example.com", "b.example.com")
ASK = "DescribeDomainCertificateInfo"


@pytest.fixture
def plan(stack: Stack) -> Plan:
    stack.seed_domains(*NAMES)
    return stack.build_plan(stack.upload("new", *NAMES))


def build_again(stack: Stack, plan: Plan) -> Plan:
    now = datetime.now(UTC)
    return replan(stack.store, stack.connectors, plan, now=now, start=now)


def count_reads(stack: Stack) -> int:
    return sum(stack.cloud.count_calls().get(f"cdn.{ASK}", {}).values())


def list_refusals(plan: Plan) -> list[tuple[str, RefusalCode]]:
    return [(each.subject, each.code) for each in plan.refusals]


def test_a_plan_whose_resources_did_not_change_stays_as_it_is(stack: Stack, plan: Plan) -> None:
    reads = count_reads(stack)
    assert build_again(stack, plan).digest == plan.digest
    assert count_reads(stack) == reads + 2, "each resource is read again"


def test_a_change_of_somebody_else_is_the_new_binding_before(stack: Stack, plan: Plan) -> None:
    stack.rebind(NAMES[0], stack.ca.leaf([NAMES[0]]))
    first, second = build_again(stack, plan).changes
    assert first.before is not None
    assert first.before.fingerprint == stack.get_served(NAMES[0])
    assert first.before.fingerprint != stack.fingerprints_before[NAMES[0]]
    former = plan.changes[1]
    assert (second.before, second.after) == (former.before, former.after)


def test_a_plan_too_large_to_read_again_takes_the_inventory(
    stack: Stack, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replanning, "MAX_READ_SECONDS", 0.0)
    reads = count_reads(stack)
    assert build_again(stack, plan).digest == plan.digest
    assert count_reads(stack) == reads


def test_resources_that_are_gone_become_refusals(stack: Stack, plan: Plan) -> None:
    ids = [each.resource.id for each in plan.changes]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert mark_vanished(stack.store, ACCOUNT, SERVICE, later) == 2
    again = build_again(stack, plan)
    assert (again.changes, list_refusals(again)) == ((), [(i, RefusalCode.MISSING) for i in ids])
    with stack.store.database.write() as session:
        session.exec(delete(ResourceRow))
    again = build_again(stack, plan)
    assert list_refusals(again) == [(i, RefusalCode.MISSING) for i in ids]


def test_a_deleted_certificate_refuses_its_changes(stack: Stack, plan: Plan) -> None:
    with stack.store.database.write() as session:
        session.exec(delete(CertificateRow))
    again = build_again(stack, plan)
    assert again.changes == ()
    assert {code for _, code in list_refusals(again)} == {RefusalCode.MISSING}


def test_a_refused_read_is_a_refusal_and_a_missing_answer_an_error(
    stack: Stack, plan: Plan
) -> None:
    stack.cloud.add_fault("error", ASK, resource=NAMES[0], code="Forbidden.RAM", status=403)
    again = build_again(stack, plan)
    assert [each.resource.key for each in again.changes] == [NAMES[1]]
    assert list_refusals(again) == [(plan.changes[0].resource.id, RefusalCode.READ)]
    stack.cloud.add_fault("error", ASK, resource=NAMES[1], code="Unavailable", status=503)
    with pytest.raises(Transient) as caught:
        build_again(stack, plan)
    assert caught.value.code == "Unread"
    assert plan.changes[1].resource.id in caught.value.message
