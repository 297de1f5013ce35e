"""SM2 pairs beside usual certificates: deployed, told as unverified, taken back, refused."""

import logging

import pytest
from temporalio.client import Client

from domain.plans.plan import Plan
from domain.rollout.policy import Rollout
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import ACCOUNT
from tests.support.key_finder import Finder
from tests.support.pairs_house import HOST, SLOT, SM_SETTER, PairsHouse, pairs_house

__all__ = ["pairs_house"]

OTHER = "shop.example.com"
ACCEPTING = Rollout(accept_unverified=True)


async def test_one_task_takes_a_pair_and_a_usual_certificate_and_proves_what_it_can(
    pairs_house: PairsHouse, engine: Client
) -> None:
    house = pairs_house
    house.domains_of("dcdn", OTHER)
    usual = house.upload("usual", "*.example.com", algorithm="rsa")
    pair = house.upload_pair("shop sm", "*.example.com")
    house.grant(4)
    plan = house.pair_plan(pair, usual, resources=(HOST, SLOT, OTHER, f"{OTHER}/sm"))
    assert plan.matches == {usual.fingerprint: 2, pair.certificate.fingerprint: 2}
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert (task.status, task.unproven) == (TaskStatus.PARTIALLY_FAILED, 2)
    assert (task.tally.deployed, task.tally.unverified) == (2, 2)
    balance = house.store.quota.balance()
    assert balance == 0, "what the service has done is paid for"
    for outcome in house.store.tasks.outcomes.list(task.id):
        of_pair = outcome.change.resource.slot == "sm"
        code = outcome.cause and outcome.cause.code
        assert (outcome.unverified, code) == (of_pair, "Accepted" if of_pair else None)
    for host in (HOST, OTHER):
        assert house.pairs(host) == [pair.certificate.fingerprint]
        assert house.served(host) == usual.fingerprint
    assert len(house.cloud.certificates(fingerprint=pair.certificate.fingerprint)) == 1


async def test_a_second_pair_is_taken_back_to_the_first_which_is_not_taken_back(
    pairs_house: PairsHouse, engine: Client
) -> None:
    house = pairs_house
    first, second = house.upload_pair("first"), house.upload_pair("second")
    house.grant(2)
    plans: list[Plan] = []
    made: list[TaskRecord] = []
    async with house.working(engine):
        for pair in (first, second):
            plans.append(house.pair_plan(pair))
            task = await house.create(engine, plans[-1], rollout=ACCEPTING)
            made.append(await house.ended(task))
        await tasks.rollback(engine, made[1], None, "as a test", "tester")
        back = await house.ended(made[1], TaskStatus.ROLLED_BACK)
    assert [task.status for task in made] == [TaskStatus.SUCCEEDED] * 2
    ours = [pair.certificate.fingerprint for pair in (first, second)]
    assert house.pairs() == [*ours, ours[0]]
    (before,) = [change.before for change in plans[1].changes]
    assert before is not None
    assert before.fingerprint == ours[0]
    assert [bool(plan.changes[0].not_reversible) for plan in plans] == [True, False]
    assert [plan.totals_by_service["alibaba.cdn"].unproven for plan in plans] == [1, 1]
    outcome = house.outcomes(back)[SLOT]
    assert outcome.unverified
    assert outcome.cause is not None
    assert "not verified" in outcome.cause.message
    assert house.store.remembered.get(f"{ACCOUNT}/alibaba.cdn/{SLOT}") == before


async def test_the_first_pair_has_no_way_back(pairs_house: PairsHouse, engine: Client) -> None:
    house = pairs_house
    pair = house.upload_pair("first")
    house.grant(1)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.pair_plan(pair)))
        await tasks.rollback(engine, task, None, "as a test", "tester")
        back = await house.ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    outcome = house.outcomes(back)[SLOT]
    assert (outcome.status, outcome.unverified) == (OutcomeStatus.ROLLBACK_FAILED, False)
    assert outcome.cause is not None
    assert outcome.cause.code == "NotReversible"
    assert "not known here" in outcome.cause.message
    assert house.pairs() == [pair.certificate.fingerprint]


async def test_what_was_accepted_without_an_answer_is_taken_back_by_a_call(
    pairs_house: PairsHouse, engine: Client
) -> None:
    """Our record still tells the former pair then, which is no proof that it is set."""
    house = pairs_house
    first, second = house.upload_pair("first"), house.upload_pair("second")
    house.grant(2)
    async with house.working(engine):
        await house.ended(await house.create(engine, house.pair_plan(first)))
        plan = house.pair_plan(second)
        house.cloud.fault("lost", SM_SETTER, count=1)
        refused = house.cloud.fault("error", SM_SETTER, code="Forbidden.RAM", status=403)
        left = Rollout(take_back_failed=False)
        task = await house.ended(await house.create(engine, plan, rollout=left))
        assert task.status is TaskStatus.FAILED
        assert house.cloud.hits(refused) == 1
        house.cloud.clear_faults()
        await tasks.rollback(engine, task, None, "as a test", "tester")
        await house.ended(task, TaskStatus.ROLLED_BACK)
    ours = [pair.certificate.fingerprint for pair in (first, second)]
    assert house.pairs() == [*ours, ours[0]]


async def test_another_task_in_between_is_a_drift(pairs_house: PairsHouse, engine: Client) -> None:
    house = pairs_house
    first, second = house.upload_pair("first"), house.upload_pair("second")
    house.grant(2)
    plans = [house.pair_plan(pair) for pair in (first, second)]
    async with house.working(engine):
        done, late = [await house.ended(await house.create(engine, plan)) for plan in plans]
    assert (done.status, late.status) == (TaskStatus.PARTIALLY_FAILED, TaskStatus.FAILED)
    cause = house.outcomes(late)[SLOT].cause
    assert cause is not None
    assert cause.code == "Drifted"
    assert house.pairs() == [first.certificate.fingerprint]


def test_each_slot_takes_one_kind(pairs_house: PairsHouse) -> None:
    house = pairs_house
    usual, pair = house.upload("usual", HOST), house.upload_pair("shop sm")
    all_of_it = house.plan(usual)
    assert [change.resource.key for change in all_of_it.changes] == [HOST]
    assert all_of_it.refusals == ()
    for made, key, told in (
        (pair.certificate, HOST, f"the domain's own slot for them, {SLOT}"),
        (usual, SLOT, "this slot takes SM2 pairs only"),
    ):
        (refusal,) = house.plan(made, resources=(key,)).refusals
        assert refusal.rule == "slot"
        assert told in refusal.reason


def test_a_slot_of_which_nothing_is_known_gets_a_pair_only_if_it_is_named(
    pairs_house: PairsHouse,
) -> None:
    pair = pairs_house.upload_pair("shop sm")
    plan = pairs_house.pair_plan(pair, all_matched=True)
    assert plan.changes == ()
    told = {refusal.subject.rpartition("/")[2]: refusal for refusal in plan.refusals}
    assert "not known; name it" in told["sm"].reason
    assert pairs_house.store.inventory.get(f"{ACCOUNT}/alibaba.cdn/{SLOT}").binding_known is False


async def test_no_key_of_a_pair_is_left_anywhere_but_in_the_vault(
    pairs_house: PairsHouse, engine: Client, caplog: pytest.LogCaptureFixture
) -> None:
    house = pairs_house
    pair = house.upload_pair("shop sm")
    finder = Finder()
    for name, key in (("sign", pair.sign.key), ("encrypt", pair.encrypt.key)):
        finder.add_key(name, key)
    house.cloud.fault("reset", "UploadUserCertificate", count=1)
    house.grant(1)
    with caplog.at_level(logging.DEBUG):
        async with house.working(engine):
            task = await house.ended(await house.create(engine, house.pair_plan(pair)))
    handle = engine.get_workflow_handle(workflow_id(task.id))
    history = (await handle.fetch_history()).to_json()
    database = house.settings.database().removeprefix("sqlite:///")
    places = {"history": history.encode(), "log": caplog.text.encode()}
    for end in ("", "-wal"):
        with open(database + end, "rb") as file:
            places["database" + end] = file.read()
    assert {place: found for place, data in places.items() if (found := finder.find(data))} == {}
    sent = (house.cloud.folder / "requests.jsonl").read_bytes()
    assert {found.partition(" ")[0] for found in finder.find(sent)} == {"sign", "encrypt"}
