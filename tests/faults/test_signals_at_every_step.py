"""Tests that a task ends correctly, whichever signal or update arrives during whichever step.

The step is paused until the message has arrived, so the tests do not depend on timing.
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
from tests.chaos.webhooks import WebhookReceiver
from tests.support.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(60)]

S = OutcomeStatus
DOMAINS = [f"n{number}.example.com" for number in range(6)]
OPEN = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
TIMEOUT = 20.0
UPDATES = ("reschedule", "proceed", "stop")
STEPS: dict[str, tuple[Any, str]] = {
    "reserve": (QuotaLedger, "reserve"),
    "install": (Installations, "save"),
    "deploy": (Outcomes, "mark_applied"),
    "settle": (QuotaLedger, "settle"),
    "notify": (task_news, "send"),
}
MESSAGES: dict[str, dict[str, Any]] = {
    "cancel": {},
    "rollback": {"resources": None},
    "rollback some": {"resources": [f"main/alibaba.cdn/{name}" for name in DOMAINS[:2]]},
    "delete": {},
    "reschedule": {},
}


@contextmanager
def pause(
    patch: pytest.MonkeyPatch, step: str
) -> Iterator[tuple[threading.Event, Callable[[], None]]]:
    """Let the first call of this step wait: an event shows that it began, a function resumes it."""
    owner, name = STEPS[step]
    original: Callable[..., Any] = getattr(owner, name)
    reached, resume = threading.Event(), threading.Event()

    def wait() -> None:
        if not reached.is_set():
            reached.set()
            assert resume.wait(TIMEOUT)

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        await asyncio.to_thread(wait)
        return await original(*args, **kwargs)

    def call(*args: Any, **kwargs: Any) -> Any:
        wait()
        return original(*args, **kwargs)

    patch.setattr(owner, name, call_async if asyncio.iscoroutinefunction(original) else call)
    try:
        yield reached, resume.set
    finally:
        resume.set()


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("step", STEPS)
async def test_a_task_ends_correctly_after_a_message_during_a_step(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch, step: str, message: str
) -> None:
    webhooks = WebhookReceiver()
    stack.seed_domains(*DOMAINS)
    stack.store.contacts.add("team", "webhook", webhooks.url)
    stack.grant_quota(len(DOMAINS))
    new = stack.upload("new", "*.example.com")
    async with stack.run_worker(engine):
        with pause(monkeypatch, step) as (reached, resume):
            task = await stack.create_task(
                engine, stack.build_plan(new), contacts=("team",), concurrency=2
            )
            assert await asyncio.to_thread(reached.wait, TIMEOUT), f"the task did not reach {step}"
            sending = asyncio.create_task(send_message(engine, task, message))
            await wait_arrived(engine, task, message)
            resume()
            await sending
        await wait_idle(stack, engine, task)
    webhooks.close()
    assert_outcomes_true(stack, task, new.fingerprint)
    outcomes = stack.list_outcomes(task)
    deployed = {name for name, each in outcomes.items() if each.status is S.DEPLOYED}
    if message == "rollback":
        assert deployed == set()
    if message == "rollback some":
        assert deployed == set(DOMAINS[2:])
    if message == "reschedule":
        assert deployed == set(DOMAINS)
    if message in ("cancel", "delete"):
        early = step in ("reserve", "install")
        assert deployed == set() if early else deployed, "no change begins after the message"
    assert webhooks.messages, "the contact got no message about the end"


@pytest.mark.parametrize("message", [*MESSAGES, "proceed", "stop"])
@pytest.mark.parametrize("stage", ["bake", "gate"])
async def test_a_task_ends_correctly_after_a_message_between_its_waves(
    stack: Stack, engine: Client, stage: str, message: str
) -> None:
    """Between the canary of two and the rest the task bakes for a second, or waits at a gate."""
    stack.seed_domains(*DOMAINS)
    stack.grant_quota(len(DOMAINS))
    new = stack.upload("new", "*.example.com")
    bakes = stage == "bake"
    rollout = RolloutPolicy(canary=Size(count=2), bake_seconds=int(bakes), gate=not bakes)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new), rollout=rollout)
        await wait_stage(engine, task, stage)
        await send_message(engine, task, message)
        if not bakes and message in ("rollback some", "reschedule"):
            await send_message(engine, task, "proceed")  # otherwise it waits, as it should
        await wait_idle(stack, engine, task)
    assert_outcomes_true(stack, task, new.fingerprint)
    deployed = [each.status for each in stack.list_outcomes(task).values()].count(S.DEPLOYED)
    expected = {"rollback": 0, "cancel": 2, "stop": 2, "delete": 2, "rollback some": 4}
    assert deployed == expected.get(message, len(DOMAINS))


async def wait_stage(client: Client, task: TaskRecord, stage: str) -> None:
    """Wait until the task reports this stage."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    async with asyncio.timeout(TIMEOUT):
        while (await handle.query("progress"))["stage"] != stage:
            await asyncio.sleep(0.02)


async def send_message(client: Client, task: TaskRecord, message: str) -> None:
    """Send by the public names and JSON fields, as other services do."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    payload = {"reason": "because", "requested_by": "tester", **MESSAGES.get(message, {})}
    if message in UPDATES:
        if message == "reschedule":
            payload = {"at": datetime.now(UTC).isoformat()}
        with suppress(WorkflowUpdateFailedError):  # refused: too late or too early
            await handle.execute_update(message, payload)
        return
    await handle.signal(message.partition(" ")[0], payload)


async def wait_arrived(client: Client, task: TaskRecord, message: str) -> None:
    """Wait until the workflow has accepted or refused the message."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    async with asyncio.timeout(TIMEOUT):
        while True:
            events = [event async for event in handle.fetch_history_events()]
            names = [event.event_type for event in events]
            if 26 in names or 41 in names or message == "reschedule":  # signaled, update accepted
                await asyncio.sleep(0.2 if message == "reschedule" else 0)
                return
            await asyncio.sleep(0.05)


async def wait_idle(stack: Stack, client: Client, task: TaskRecord) -> None:
    """Wait until the task has ended and no activity is running."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    async with asyncio.timeout(TIMEOUT):
        while True:
            raw = (await handle.describe()).raw_description
            busy = raw.pending_activities or raw.HasField("pending_workflow_task")
            if not busy and stack.store.tasks.get(task.id).status not in OPEN:
                return
            await asyncio.sleep(0.05)


def assert_outcomes_true(stack: Stack, task: TaskRecord, new: str) -> None:
    """Check that each outcome is final and true, and that the quota is balanced."""
    serves = {S.DEPLOYED: True, S.ROLLED_BACK: False, S.SKIPPED: False}
    for name, outcome in stack.list_outcomes(task).items():
        assert outcome.status in serves, f"{name} is {outcome.status}: {outcome.cause}"
        wanted = new if serves[outcome.status] else stack.fingerprints_before[name]
        assert stack.get_served(name) == wanted, f"{name} is {outcome.status}"
    amounts = {entry.kind.value: entry.amount for entry in stack.store.quota.list_entries(task.id)}
    assert amounts["reserve"] == amounts.get("charge", 0) + amounts.get("refund", 0)
    assert stack.store.quota.get_balance() == len(DOMAINS) - amounts.get("charge", 0)
