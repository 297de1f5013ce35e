"""SM2 pairs beside usual certificates: deployed, told as unverified, taken back, refused."""

import logging

import pytest
from temporalio.client import Client

from domain.plans.plan import Plan
from domain.rollout.policy import RolloutPolicy
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.key_finder import SecretFinder
from tests.support.sm2_stack import HOST, SLOT, SM_SETTER, Sm2Stack, sm2_stack
from tests.support.stack import ACCOUNT

__all__ = ["sm2_stack"]

OTHER = "shop.example.com"
ACCEPTING = RolloutPolicy(accept_unverified=True)


async def test_one_task_takes_a_pair_and_a_usual_certificate_and_proves_what_it_can(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    stack = sm2_stack
    stack.seed_domains_of("dcdn", OTHER)
    usual = stack.upload("usual", "*.example.com", algorithm="rsa")
    pair = stack.upload_pair("shop sm", "*.example.com")
    stack.grant_quota(4)
    plan = stack.build_pair_plan(pair, usual, resources=(HOST, SLOT, OTHER, f"{OTHER}/sm"))
    assert plan.matches == {usual.fingerprint: 2, pair.certificate.fingerprint: 2}
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert (task.status, task.unverifiable) == (TaskStatus.PARTIALLY_FAILED, 2)
    assert (task.tally.deployed, task.tally.unverified) == (2, 2)
    balance = stack.store.quota.get_balance()
    assert balance == 0, "what the service has done is paid for"
    for outcome in stack.store.tasks.outcomes.list(task.id):
        of_pair = outcome.change.resource.slot == "sm"
        code = outcome.cause and outcome.cause.code
        assert (outcome.is_unverified, code) == (of_pair, "Accepted" if of_pair else None)
    for host in (HOST, OTHER):
        assert stack.list_pairs_set(host) == [pair.certificate.fingerprint]
        assert stack.get_served(host) == usual.fingerprint
    assert len(stack.cloud.list_certificates(fingerprint=pair.certificate.fingerprint)) == 1


async def test_a_second_pair_is_taken_back_to_the_first_which_is_not_taken_back(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    stack = sm2_stack
    first, second = stack.upload_pair("first"), stack.upload_pair("second")
    stack.grant_quota(2)
    plans: list[Plan] = []
    made: list[TaskRecord] = []
    async with stack.run_worker(engine):
        for pair in (first, second):
            plans.append(stack.build_pair_plan(pair))
            task = await stack.create_task(engine, plans[-1], rollout=ACCEPTING)
            made.append(await stack.wait_ended(task))
        await tasks.rollback(engine, made[1], None, "as a test", "tester")
        back = await stack.wait_ended(made[1], TaskStatus.ROLLED_BACK)
    assert [task.status for task in made] == [TaskStatus.SUCCEEDED] * 2
    ours = [pair.certificate.fingerprint for pair in (first, second)]
    assert stack.list_pairs_set() == [*ours, ours[0]]
    (before,) = [change.before for change in plans[1].changes]
    assert before is not None
    assert before.fingerprint == ours[0]
    assert [bool(plan.changes[0].not_reversible) for plan in plans] == [True, False]
    assert [plan.totals_by_service["alibaba.cdn"].unverifiable for plan in plans] == [1, 1]
    outcome = stack.list_outcomes(back)[SLOT]
    assert outcome.is_unverified
    assert outcome.cause is not None
    assert "not verified" in outcome.cause.message
    assert stack.store.last_bindings.get(f"{ACCOUNT}/alibaba.cdn/{SLOT}") == before


async def test_the_first_pair_has_no_way_back(sm2_stack: Sm2Stack, engine: Client) -> None:
    stack = sm2_stack
    pair = stack.upload_pair("first")
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_pair_plan(pair)))
        await tasks.rollback(engine, task, None, "as a test", "tester")
        back = await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    outcome = stack.list_outcomes(back)[SLOT]
    assert (outcome.status, outcome.is_unverified) == (OutcomeStatus.ROLLBACK_FAILED, False)
    assert outcome.cause is not None
    assert outcome.cause.code == "NotReversible"
    assert "not known here" in outcome.cause.message
    assert stack.list_pairs_set() == [pair.certificate.fingerprint]


async def test_what_was_accepted_without_an_answer_is_taken_back_by_a_call(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    """Our record still tells the former pair then, which is no proof that it is set."""
    stack = sm2_stack
    first, second = stack.upload_pair("first"), stack.upload_pair("second")
    stack.grant_quota(2)
    async with stack.run_worker(engine):
        await stack.wait_ended(await stack.create_task(engine, stack.build_pair_plan(first)))
        plan = stack.build_pair_plan(second)
        stack.cloud.add_fault("lost", SM_SETTER, count=1)
        refused = stack.cloud.add_fault("error", SM_SETTER, code="Forbidden.RAM", status=403)
        left = RolloutPolicy(roll_back_failed=False)
        task = await stack.wait_ended(await stack.create_task(engine, plan, rollout=left))
        assert task.status is TaskStatus.FAILED
        assert stack.cloud.count_hits(refused) == 1
        stack.cloud.clear_faults()
        await tasks.rollback(engine, task, None, "as a test", "tester")
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    ours = [pair.certificate.fingerprint for pair in (first, second)]
    assert stack.list_pairs_set() == [*ours, ours[0]]


async def test_another_task_in_between_is_a_drift(sm2_stack: Sm2Stack, engine: Client) -> None:
    stack = sm2_stack
    first, second = stack.upload_pair("first"), stack.upload_pair("second")
    stack.grant_quota(2)
    plans = [stack.build_pair_plan(pair) for pair in (first, second)]
    async with stack.run_worker(engine):
        done, late = [
            await stack.wait_ended(await stack.create_task(engine, plan)) for plan in plans
        ]
    assert (done.status, late.status) == (TaskStatus.PARTIALLY_FAILED, TaskStatus.FAILED)
    cause = stack.list_outcomes(late)[SLOT].cause
    assert cause is not None
    assert cause.code == "Drifted"
    assert stack.list_pairs_set() == [first.certificate.fingerprint]


def test_each_slot_takes_one_kind(sm2_stack: Sm2Stack) -> None:
    stack = sm2_stack
    usual, pair = stack.upload("usual", HOST), stack.upload_pair("shop sm")
    all_of_it = stack.build_plan(usual)
    assert [change.resource.key for change in all_of_it.changes] == [HOST]
    assert all_of_it.refusals == ()
    for made, key, told in (
        (pair.certificate, HOST, f"the domain's own slot for them, {SLOT}"),
        (usual, SLOT, "this slot takes SM2 pairs only"),
    ):
        (refusal,) = stack.build_plan(made, resources=(key,)).refusals
        assert refusal.code == "slot"
        assert told in refusal.reason


def test_a_slot_of_which_nothing_is_known_gets_a_pair_only_if_it_is_named(
    sm2_stack: Sm2Stack,
) -> None:
    pair = sm2_stack.upload_pair("shop sm")
    plan = sm2_stack.build_pair_plan(pair, all_matched=True)
    assert plan.changes == ()
    told = {refusal.subject.rpartition("/")[2]: refusal for refusal in plan.refusals}
    assert "not known; name it" in told["sm"].reason
    assert sm2_stack.store.inventory.get(f"{ACCOUNT}/alibaba.cdn/{SLOT}").binding_known is False


async def test_no_key_of_a_pair_is_left_anywhere_but_in_the_vault(
    sm2_stack: Sm2Stack, engine: Client, caplog: pytest.LogCaptureFixture
) -> None:
    stack = sm2_stack
    pair = stack.upload_pair("shop sm")
    finder = SecretFinder()
    for name, key in (("sign", pair.sign.key), ("encrypt", pair.encrypt.key)):
        finder.add_key(name, key)
    stack.cloud.add_fault("reset", "UploadUserCertificate", count=1)
    stack.grant_quota(1)
    with caplog.at_level(logging.DEBUG):
        async with stack.run_worker(engine):
            task = await stack.wait_ended(
                await stack.create_task(engine, stack.build_pair_plan(pair))
            )
    handle = engine.get_workflow_handle(build_workflow_id(task.id))
    history = (await handle.fetch_history()).to_json()
    database = stack.settings.get_database_url().removeprefix("sqlite:///")
    places = {"history": history.encode(), "log": caplog.text.encode()}
    for end in ("", "-wal"):
        with open(database + end, "rb") as file:
            places["database" + end] = file.read()
    assert {place: found for place, data in places.items() if (found := finder.find(data))} == {}
    sent = (stack.cloud.folder / "requests.jsonl").read_bytes()
    assert {found.partition(" ")[0] for found in finder.find(sent)} == {"sign", "encrypt"}
