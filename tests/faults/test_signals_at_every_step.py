"""Whatever is asked of a task while a step is under way: it ends, and tells what is served.

The step is held where it is until the word has arrived, so that nothing depends on luck.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from domain.rollout.policy import RolloutPolicy, Size
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from operations.notifications import task_news
from storage.certificates.installations import Installations
from storage.quota import QuotaLedger
from storage.tasks.outcomes import Outcomes
from tests.chaos.webhooks import Webhooks
from tests.support.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

S = OutcomeStatus
DOMAINS = [f"n{number}.example.com" for number in range(6)]
OPEN = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
PATIENCE = 20.0
UPDATES = ("reschedule", "proceed", "stop")
STEPS: dict[str, tuple[Any, str]] = {
    "reserve": (QuotaLedger, "reserve"),
    "install": (Installations, "save"),
    "deploy": (Outcomes, "mark_applied"),
    "settle": (QuotaLedger, "settle"),
    "notify": (task_news, "send"),
}
ASKED: dict[str, dict[str, Any]] = {
    "cancel": {},
    "rollback": {"resources": None},
    "rollback some": {"resources": [f"main/alibaba.cdn/{name}" for name in DOMAINS[:2]]},
    "delete": {},
    "reschedule": {},
}


@contextmanager
def held(
    patch: pytest.MonkeyPatch, step: str
) -> Iterator[tuple[threading.Event, Callable[[], None]]]:
    """The first call of this step waits: an event says that it began, a function lets it go on."""
    owner, name = STEPS[step]
    whole: Callable[..., Any] = getattr(owner, name)
    reached, go = threading.Event(), threading.Event()

    def wait() -> None:
        if not reached.is_set():
            reached.set()
            assert go.wait(PATIENCE)

    async def later(*given: Any, **named: Any) -> Any:
        await asyncio.to_thread(wait)
        return await whole(*given, **named)

    def now(*given: Any, **named: Any) -> Any:
        wait()
        return whole(*given, **named)

    patch.setattr(owner, name, later if asyncio.iscoroutinefunction(whole) else now)
    try:
        yield reached, go.set
    finally:
        go.set()


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("step", STEPS)
async def test_a_task_that_is_asked_something_in_the_middle_of_a_step_ends_and_tells_the_truth(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch, step: str, asked: str
) -> None:
    webhooks = Webhooks()
    stack.seed_domains(*DOMAINS)
    stack.store.contacts.add("team", "webhook", webhooks.url)
    stack.grant_quota(len(DOMAINS))
    new = stack.upload("new", "*.example.com")
    async with stack.run_worker(engine):
        with held(monkeypatch, step) as (reached, go_on):
            task = await stack.create_task(
                engine, stack.build_plan(new), contacts=("team",), concurrency=2
            )
            assert await asyncio.to_thread(reached.wait, PATIENCE), f"it never came to {step}"
            saying = asyncio.create_task(say(engine, task, asked))
            await arrived(engine, task, asked)
            go_on()
            await saying
        await quiet(stack, engine, task)
    webhooks.close()
    assert_true(stack, task, new.fingerprint)
    outcomes = stack.list_outcomes(task)
    left = {name for name, each in outcomes.items() if each.status is S.DEPLOYED}
    if asked == "rollback":
        assert left == set()
    if asked == "rollback some":
        assert left == set(DOMAINS[2:])
    if asked == "reschedule":
        assert left == set(DOMAINS)
    if asked in ("cancel", "delete"):
        early = step in ("reserve", "install")
        assert left == set() if early else left, "nothing is begun after it"
    told = [each["body"]["task_id"] for each in webhooks.told]
    assert told, "the contact was told how it ended"


@pytest.mark.parametrize("asked", [*ASKED, "proceed", "stop"])
@pytest.mark.parametrize("stage", ["bake", "gate"])
async def test_a_task_that_is_asked_something_between_its_waves_ends_and_tells_the_truth(
    stack: Stack, engine: Client, stage: str, asked: str
) -> None:
    """Between the canary of two and the rest it bakes for a second, or waits for a word."""
    stack.seed_domains(*DOMAINS)
    stack.grant_quota(len(DOMAINS))
    new = stack.upload("new", "*.example.com")
    bakes = stage == "bake"
    rollout = RolloutPolicy(canary=Size(count=2), bake_seconds=int(bakes), gate=not bakes)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new), rollout=rollout)
        await at_stage(engine, task, stage)
        await say(engine, task, asked)
        if not bakes and asked in ("rollback some", "reschedule"):
            await say(engine, task, "proceed")  # else it would go on waiting, as it should
        await quiet(stack, engine, task)
    assert_true(stack, task, new.fingerprint)
    left = [each.status for each in stack.list_outcomes(task).values()].count(S.DEPLOYED)
    ends = {"rollback": 0, "cancel": 2, "stop": 2, "delete": 2, "rollback some": 4}
    assert left == ends.get(asked, len(DOMAINS))


async def at_stage(client: Client, task: TaskRecord, stage: str) -> None:
    """Returns once the task says so of itself."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    async with asyncio.timeout(PATIENCE):
        while (await handle.query("progress"))["stage"] != stage:
            await asyncio.sleep(0.02)


async def say(client: Client, task: TaskRecord, asked: str) -> None:
    """By the public names and shapes, as other services do."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    more = {"reason": "because", "requested_by": "tester", **ASKED.get(asked, {})}
    if asked in UPDATES:
        given = {"at": datetime.now(UTC).isoformat()} if asked == "reschedule" else more
        with suppress(WorkflowUpdateFailedError):  # it makes no sense any more, or not yet
            await handle.execute_update(asked, given)
        return
    await handle.signal(asked.partition(" ")[0], more)


async def arrived(client: Client, task: TaskRecord, asked: str) -> None:
    """Returns once the workflow has taken it in, or refused it."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    async with asyncio.timeout(PATIENCE):
        while True:
            events = [event async for event in handle.fetch_history_events()]
            names = [event.event_type for event in events]
            if 26 in names or 41 in names or asked == "reschedule":  # signaled, update accepted
                await asyncio.sleep(0.2 if asked == "reschedule" else 0)
                return
            await asyncio.sleep(0.05)


async def quiet(stack: Stack, client: Client, task: TaskRecord) -> None:
    """Returns once the task has ended and nothing of it is under way."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    async with asyncio.timeout(PATIENCE):
        while True:
            raw = (await handle.describe()).raw_description
            busy = raw.pending_activities or raw.HasField("pending_workflow_task")
            if not busy and stack.store.tasks.get(task.id).status not in OPEN:
                return
            await asyncio.sleep(0.05)


def assert_true(stack: Stack, task: TaskRecord, new: str) -> None:
    """Each outcome is final and says what is served; the quota is balanced."""
    serves = {S.DEPLOYED: True, S.ROLLED_BACK: False, S.SKIPPED: False}
    for name, outcome in stack.list_outcomes(task).items():
        assert outcome.status in serves, f"{name} is {outcome.status}: {outcome.cause}"
        wanted = new if serves[outcome.status] else stack.fingerprints_before[name]
        assert stack.get_served(name) == wanted, f"{name} is {outcome.status}"
    amounts = {entry.kind.value: entry.amount for entry in stack.store.quota.list_entries(task.id)}
    assert amounts["reserve"] == amounts.get("charge", 0) + amounts.get("refund", 0)
    assert stack.store.quota.get_balance() == len(DOMAINS) - amounts.get("charge", 0)
