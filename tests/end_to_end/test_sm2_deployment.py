"""Tests SM2 pairs beside ordinary certificates: deployed unverified, rolled back, refused."""

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


async def test_one_task_deploys_a_pair_and_an_ordinary_certificate_and_verifies_what_it_can(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    stack = sm2_stack
    stack.seed_domains_of("dcdn", OTHER)
    ordinary = stack.upload("ordinary", "*.example.com", algorithm="rsa")
    pair = stack.upload_pair("shop sm", "*.example.com")
    stack.grant_quota(4)
    plan = stack.build_pair_plan(pair, ordinary, resources=(HOST, SLOT, OTHER, f"{OTHER}/sm"))
    assert plan.matches == {ordinary.fingerprint: 2, pair.certificate.fingerprint: 2}
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert (task.status, task.unverifiable) == (TaskStatus.PARTIALLY_FAILED, 2)
    assert (task.tally.deployed, task.tally.unverified) == (2, 2)
    balance = stack.store.quota.get_balance()
    assert balance == 0, "accepted changes are charged"
    for outcome in stack.store.tasks.outcomes.list(task.id):
        is_pair = outcome.change.resource.slot == "sm"
        code = outcome.cause and outcome.cause.code
        assert (outcome.is_unverified, code) == (is_pair, "Accepted" if is_pair else None)
    for host in (HOST, OTHER):
        assert stack.list_pairs_set(host) == [pair.certificate.fingerprint]
        assert stack.get_served(host) == ordinary.fingerprint
    assert len(stack.cloud.list_certificates(fingerprint=pair.certificate.fingerprint)) == 1


async def test_the_second_pair_is_rolled_back_to_the_first_which_is_not_reversible(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    stack = sm2_stack
    first, second = stack.upload_pair("first"), stack.upload_pair("second")
    stack.grant_quota(2)
    plans: list[Plan] = []
    ended: list[TaskRecord] = []
    async with stack.run_worker(engine):
        for pair in (first, second):
            plans.append(stack.build_pair_plan(pair))
            task = await stack.create_task(engine, plans[-1], rollout=ACCEPTING)
            ended.append(await stack.wait_ended(task))
        await tasks.rollback(engine, ended[1], None, "as a test", "tester")
        rolled_back = await stack.wait_ended(ended[1], TaskStatus.ROLLED_BACK)
    assert [task.status for task in ended] == [TaskStatus.SUCCEEDED] * 2
    ours = [pair.certificate.fingerprint for pair in (first, second)]
    assert stack.list_pairs_set() == [*ours, ours[0]]
    (before,) = [change.before for change in plans[1].changes]
    assert before is not None
    assert before.fingerprint == ours[0]
    assert [bool(plan.changes[0].not_reversible) for plan in plans] == [True, False]
    assert [plan.totals_by_service["alibaba.cdn"].unverifiable for plan in plans] == [1, 1]
    outcome = stack.list_outcomes(rolled_back)[SLOT]
    assert outcome.is_unverified
    assert outcome.cause is not None
    assert outcome.cause.code == "Accepted"
    assert stack.store.last_bindings.get(f"{ACCOUNT}/alibaba.cdn/{SLOT}") == before


async def test_the_first_pair_is_not_reversible(sm2_stack: Sm2Stack, engine: Client) -> None:
    stack = sm2_stack
    pair = stack.upload_pair("first")
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_pair_plan(pair)))
        await tasks.rollback(engine, task, None, "as a test", "tester")
        rolled_back = await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    outcome = stack.list_outcomes(rolled_back)[SLOT]
    assert (outcome.status, outcome.is_unverified) == (OutcomeStatus.ROLLBACK_FAILED, False)
    assert outcome.cause is not None
    assert outcome.cause.code == "NotReversible"
    assert outcome.cause.message == outcome.change.not_reversible
    assert stack.list_pairs_set() == [pair.certificate.fingerprint]


async def test_a_change_whose_answer_was_lost_is_rolled_back_by_a_call(
    sm2_stack: Sm2Stack, engine: Client
) -> None:
    """Our record still shows the former pair, which does not prove that it is bound."""
    stack = sm2_stack
    first, second = stack.upload_pair("first"), stack.upload_pair("second")
    stack.grant_quota(2)
    async with stack.run_worker(engine):
        await stack.wait_ended(await stack.create_task(engine, stack.build_pair_plan(first)))
        plan = stack.build_pair_plan(second)
        stack.cloud.add_fault("lost", SM_SETTER, count=1)
        refused = stack.cloud.add_fault("error", SM_SETTER, code="Forbidden.RAM", status=403)
        policy = RolloutPolicy(roll_back_failed=False)
        task = await stack.wait_ended(await stack.create_task(engine, plan, rollout=policy))
        assert task.status is TaskStatus.FAILED
        assert stack.cloud.count_hits(refused) == 1
        stack.cloud.clear_faults()
        await tasks.rollback(engine, task, None, "as a test", "tester")
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    ours = [pair.certificate.fingerprint for pair in (first, second)]
    assert stack.list_pairs_set() == [*ours, ours[0]]


async def test_a_task_that_ran_in_between_causes_drift(sm2_stack: Sm2Stack, engine: Client) -> None:
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


def test_each_slot_takes_one_kind_of_certificate(sm2_stack: Sm2Stack) -> None:
    stack = sm2_stack
    ordinary, pair = stack.upload("ordinary", HOST), stack.upload_pair("shop sm")
    all_of_it = stack.build_plan(ordinary)
    assert [change.resource.key for change in all_of_it.changes] == [HOST]
    assert all_of_it.refusals == ()
    for certificate, key in ((pair.certificate, HOST), (ordinary, SLOT)):
        (refusal,) = stack.build_plan(certificate, resources=(key,)).refusals
        assert (refusal.code, refusal.subject) == ("slot", f"{ACCOUNT}/alibaba.cdn/{key}")
        assert SLOT in refusal.reason or key == SLOT


def test_a_slot_with_an_unknown_binding_gets_a_pair_only_if_the_request_names_it(
    sm2_stack: Sm2Stack,
) -> None:
    pair = sm2_stack.upload_pair("shop sm")
    plan = sm2_stack.build_pair_plan(pair, all_matched=True)
    assert plan.changes == ()
    codes = {refusal.subject: refusal.code for refusal in plan.refusals}
    assert codes[f"{ACCOUNT}/alibaba.cdn/{SLOT}"] == "first-deployment"
    assert sm2_stack.store.inventory.get(f"{ACCOUNT}/alibaba.cdn/{SLOT}").binding_known is False


async def test_the_keys_of_a_pair_are_in_the_vault_only(
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
