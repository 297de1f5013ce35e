"""Tests that two worker processes share resource locks and rate limits.

A worker runs the activities of a task whose workflow it runs, so each test gives one task to each.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from domain.plans.plan import Plan
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from operations.inventory.service_sync import sync_here
from starter.requests import tasks
from starter.temporal.client import register_search_attributes
from starter.temporal.processes import Child, start_worker
from tests.faults.lab import Lab, running_lab
from tests.support.factory import CA
from tests.support.practice_cloud import Row
from tests.support.stack import ACCOUNT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

CALLS_PER_SECOND = 10
GA = ("alibaba.ga_listener", "alibaba.ga_domain")
LISTENERS = 4
DOMAINS = 40
GA_VERSION, CDN_VERSION = "2019-11-20", "2018-05-10"
CONFIGURING = 0.3  # seconds that the accelerator is locked after a change
LATE = 0.1  # seconds
TRIES = 30


@pytest.fixture
def lab(tmp_path: Path, ca: CA) -> Iterator[Lab]:
    """A laboratory on SQLite with ten calls per second for each service, and one worker."""
    with running_lab(tmp_path, ca, calls_per_second=CALLS_PER_SECOND, record=True) as running:
        yield running


@pytest.fixture
def workers(lab: Lab) -> Iterator[tuple[Child, Child]]:
    """The worker of the laboratory and a second one of the same installation."""
    assert lab.worker is not None
    second = start_worker(lab.settings.home, lab.address)
    yield lab.worker, second
    second.process.kill()
    second.process.wait()


async def test_two_tasks_on_one_accelerator_never_change_it_at_the_same_time(
    lab: Lab, workers: tuple[Child, Child]
) -> None:
    _seed_accelerator(lab)
    lab.stack.cloud.set_propagation(CONFIGURING)
    new = lab.stack.upload("new", "*.one.example.com", "*.two.example.com")
    plans = [lab.stack.build_plan(new, services=(each,)) for each in GA]
    assert [len(plan.changes) for plan in plans] == [LISTENERS, LISTENERS]
    assert len({change.lock for plan in plans for change in plan.changes}) == 1

    await _run_on_both(lab, workers, plans)

    changes = _list_requests(lab, GA_VERSION, _is_write)
    assert len(changes) == 2 * LISTENERS
    runs = [action for action, _ in groupby(row["headers"]["x-acs-action"] for row in changes)]
    assert len(runs) > 2, "one task waited until the other had ended"
    times = [row["at"] for row in changes]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= CONFIGURING, "a change began before the one before it had arrived"
    codes = {code for name, by_code in lab.stack.cloud.count_calls().items() for code in by_code}
    assert codes == {"OK"}, "the accelerator got a change during another change"


async def test_two_workers_share_the_rate_limit_of_a_service(
    lab: Lab, workers: tuple[Child, Child]
) -> None:
    """Forty domains, because 200 with three calls each would take a minute.

    A call may arrive a tenth of a second after its permit, as the first call of a process does, so
    a second may hold one call more than allowed.
    """
    names = [f"n{number:03}.example.com" for number in range(DOMAINS)]
    lab.stack.seed_domains(*names)
    new = lab.stack.upload("new", "*.example.com")
    halves = (tuple(names[: DOMAINS // 2]), tuple(names[DOMAINS // 2 :]))
    plans = [lab.stack.build_plan(new, resources=half) for half in halves]

    await _run_on_both(lab, workers, plans)

    times = [row["at"] for row in _list_requests(lab, CDN_VERSION)]
    assert len(times) >= 1 + 4 * DOMAINS, "a listing; four calls per domain"
    assert _count_most_in_a_second(times) <= CALLS_PER_SECOND + 1
    assert len(times) / (times[-1] - times[0]) > CALLS_PER_SECOND / 2, "calls are unused"


def _seed_accelerator(lab: Lab) -> None:
    """Seed an accelerator whose listeners have a default and an additional certificate."""
    stack = lab.stack
    listeners: list[Row] = []
    for number in range(LISTENERS):
        slots = {}
        for zone in ("one", "two"):
            name = f"n{number}.{zone}.example.com"
            leaf = stack.ca.leaf([name])
            slots[name] = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
        (_, default), (domain, other) = slots.items()
        additional = [{"domain": domain, "certificate": other}]
        ids = {"id": f"lsr-{number}", "port": 443 + number}
        listeners.append({**ids, "certificate": default, "additional": additional})
    accelerator = {"id": "ga-one", "listeners": listeners}
    stack.cloud.seed("ga", account=stack.key_id, accelerators=[accelerator])
    for service in GA:
        assert sync_here(stack.store, stack.connectors, ACCOUNT, service).error is None


async def _run_on_both(lab: Lab, workers: tuple[Child, Child], plans: list[Plan]) -> None:
    """Start one task on each worker at the same time, and wait until both have succeeded."""
    client = await lab.client()
    await register_search_attributes(client)  # the workers may register them later
    lab.stack.grant_quota(TRIES * DOMAINS)
    pairs = zip(workers, plans, strict=True)
    waiting = [await _create_task_on(lab, client, worker, plan) for worker, plan in pairs]
    for task in waiting:
        await tasks.reschedule(client, task, datetime.now(UTC))
    ended = await asyncio.gather(*(lab.stack.wait_ended(task) for task in waiting))
    assert [task.status for task in ended] == [TaskStatus.SUCCEEDED] * 2
    workers_of = [await _list_activity_workers(client, task) for task in waiting]
    assert all(workers_of)
    assert set.union(*workers_of) == {_get_identity(worker) for worker in workers}


async def _create_task_on(lab: Lab, client: Client, worker: Child, plan: Plan) -> TaskRecord:
    """Create a waiting task whose workflow this worker runs; cancel those that the other gets."""
    for number in range(TRIES):
        name = f"for {_get_identity(worker)}, attempt {number}"
        task = await lab.stack.create_task(client, plan, delay=timedelta(hours=1), name=name)
        if await _find_workflow_worker(client, task) == _get_identity(worker):
            return task
        await tasks.cancel(client, task, "on the other worker", "tester")
    raise AssertionError(f"the worker {_get_identity(worker)} got none of {TRIES} tasks")


async def _find_workflow_worker(client: Client, task: TaskRecord) -> str:
    """The identity of the worker that completed the first workflow task."""
    while True:
        for event in await _list_events(client, task):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return event.workflow_task_completed_event_attributes.identity
        await asyncio.sleep(0.05)


async def _list_activity_workers(client: Client, task: TaskRecord) -> set[str]:
    """The identities of the workers that ran activities of a task, in all runs of its workflow."""
    runs = client.list_workflows(f"WorkflowId = '{build_workflow_id(task.id)}'")
    return {
        event.activity_task_started_event_attributes.identity
        async for run in runs
        async for event in client.get_workflow_handle(
            run.id, run_id=run.run_id
        ).fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    }


async def _list_events(client: Client, task: TaskRecord) -> list[HistoryEvent]:
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    return [event async for event in handle.fetch_history_events()]


def _get_identity(worker: Child) -> str:
    """The identity that the Temporal client gives to a process of this host."""
    return f"{worker.process.pid}@{socket.gethostname()}"


def _list_requests(
    lab: Lab, version: str, wanted: Callable[[str], bool] = lambda action: True
) -> list[Row]:
    rows = [r for r in lab.stack.cloud.list_requests() if r["headers"]["x-acs-version"] == version]
    return [row for row in rows if wanted(row["headers"]["x-acs-action"])]


def _is_write(action: str) -> bool:
    return not action.startswith(("Describe", "List"))


def _count_most_in_a_second(times: list[float]) -> int:
    """The most calls within any second, shortened by the time that a call may be late."""
    return max(sum(start <= at < start + 1 - LATE for at in times) for start in times)
