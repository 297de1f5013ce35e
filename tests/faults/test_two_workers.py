"""Two worker processes keep together what one alone would: one change at a time, one budget.

A worker takes the steps of a task whose workflow it runs, so each test gives one task to each.
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
LATE = 0.1
TRIES = 30


@pytest.fixture
def lab(tmp_path: Path, ca: CA) -> Iterator[Lab]:
    """On SQLite, with ten calls per second for each service, and one worker."""
    with running_lab(tmp_path, ca, calls_per_second=CALLS_PER_SECOND, record=True) as running:
        yield running


@pytest.fixture
def workers(lab: Lab) -> Iterator[tuple[Child, Child]]:
    """The worker of the laboratory and one more of the same installation."""
    assert lab.worker is not None
    second = start_worker(lab.settings.home, lab.address)
    yield lab.worker, second
    second.process.kill()
    second.process.wait()


async def test_two_tasks_on_one_accelerator_never_change_it_at_the_same_time(
    lab: Lab, workers: tuple[Child, Child]
) -> None:
    _accelerator(lab)
    lab.stack.cloud.set_propagation(CONFIGURING)
    new = lab.stack.upload("new", "*.one.example.com", "*.two.example.com")
    plans = [lab.stack.build_plan(new, services=(each,)) for each in GA]
    assert [len(plan.changes) for plan in plans] == [LISTENERS, LISTENERS]
    assert len({change.lock for plan in plans for change in plan.changes}) == 1

    await _both_at_once(lab, workers, plans)

    changes = _requests(lab, GA_VERSION, _changes_something)
    assert len(changes) == 2 * LISTENERS
    in_turns = [action for action, _ in groupby(row["headers"]["x-acs-action"] for row in changes)]
    assert len(in_turns) > 2, "one task had to wait until the other had ended"
    times = [row["at"] for row in changes]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= CONFIGURING, "one change began before the former one had arrived"
    codes = {code for name, by_code in lab.stack.cloud.count_calls().items() for code in by_code}
    assert codes == {"OK"}, "the accelerator was asked to change while it was being changed"


async def test_two_workers_together_keep_to_the_calls_per_second_of_a_service(
    lab: Lab, workers: tuple[Child, Child]
) -> None:
    """Forty domains: the bound is what matters, and 200 at three calls each would take a minute.

    A call may arrive a tenth of a second after its turn, as the first of a process does, and one
    more than allowed may so come into a second.
    """
    names = [f"n{number:03}.example.com" for number in range(DOMAINS)]
    lab.stack.seed_domains(*names)
    new = lab.stack.upload("new", "*.example.com")
    halves = (tuple(names[: DOMAINS // 2]), tuple(names[DOMAINS // 2 :]))
    plans = [lab.stack.build_plan(new, resources=half) for half in halves]

    await _both_at_once(lab, workers, plans)

    times = [row["at"] for row in _requests(lab, CDN_VERSION)]
    assert len(times) >= 1 + 4 * DOMAINS, "a listing; for each one read for the plan, and three"
    assert _most_in_a_second(times) <= CALLS_PER_SECOND + 1
    assert len(times) / (times[-1] - times[0]) > CALLS_PER_SECOND / 2, "the budget lies idle"


def _accelerator(lab: Lab) -> None:
    """One accelerator whose listeners each have a default and an additional certificate."""
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


async def _both_at_once(lab: Lab, workers: tuple[Child, Child], plans: list[Plan]) -> None:
    """One task on each worker, begun together; returns once both have succeeded."""
    client = await lab.client()
    await register_search_attributes(client)  # the workers may be a moment slower
    lab.stack.grant_quota(TRIES * DOMAINS)
    pairs = zip(workers, plans, strict=True)
    waiting = [await _task_of(lab, client, worker, plan) for worker, plan in pairs]
    for task in waiting:
        await tasks.reschedule(client, task, datetime.now(UTC))
    ended = await asyncio.gather(*(lab.stack.wait_ended(task) for task in waiting))
    assert [task.status for task in ended] == [TaskStatus.SUCCEEDED] * 2
    made_by = [await _makers(client, task) for task in waiting]
    assert all(made_by)
    assert set.union(*made_by) == {_identity(worker) for worker in workers}


async def _task_of(lab: Lab, client: Client, worker: Child, plan: Plan) -> TaskRecord:
    """A task that waits in this worker's hands; those that fall into another's are cancelled."""
    for number in range(TRIES):
        name = f"for {_identity(worker)}, try {number}"
        task = await lab.stack.create_task(client, plan, delay=timedelta(hours=1), name=name)
        if await _holder(client, task) == _identity(worker):
            return task
        await tasks.cancel(client, task, "in other hands", "tester")
    raise AssertionError(f"the worker {_identity(worker)} took none of {TRIES} tasks")


async def _holder(client: Client, task: TaskRecord) -> str:
    """The identity of the worker that did the first step of a task's workflow."""
    while True:
        for event in await _history(client, task):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return event.workflow_task_completed_event_attributes.identity
        await asyncio.sleep(0.05)


async def _makers(client: Client, task: TaskRecord) -> set[str]:
    """The identities of the workers that made a task's steps, in all runs of its workflow."""
    runs = client.list_workflows(f"WorkflowId = '{build_workflow_id(task.id)}'")
    return {
        event.activity_task_started_event_attributes.identity
        async for run in runs
        async for event in client.get_workflow_handle(
            run.id, run_id=run.run_id
        ).fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    }


async def _history(client: Client, task: TaskRecord) -> list[HistoryEvent]:
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    return [event async for event in handle.fetch_history_events()]


def _identity(worker: Child) -> str:
    """As the engine's client calls a process; the host is one and the same here."""
    return f"{worker.process.pid}@{socket.gethostname()}"


def _requests(
    lab: Lab, version: str, wanted: Callable[[str], bool] = lambda action: True
) -> list[Row]:
    rows = [r for r in lab.stack.cloud.list_requests() if r["headers"]["x-acs-version"] == version]
    return [row for row in rows if wanted(row["headers"]["x-acs-action"])]


def _changes_something(action: str) -> bool:
    return not action.startswith(("Describe", "List"))


def _most_in_a_second(times: list[float]) -> int:
    """The most calls that lie within any one second, less what one may be late."""
    return max(sum(start <= at < start + 1 - LATE for at in times) for start in times)
