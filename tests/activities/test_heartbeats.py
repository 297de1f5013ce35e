"""Activities that block send heartbeats, and one heartbeat that fails stops no other."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError
from temporalio.exceptions import TimeoutError as StepTimedOut
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.heartbeats import Heartbeater

INTERVAL = 0.05
BLOCKED = 1.0
HEARTBEAT_TIMEOUT = timedelta(seconds=0.5)


@contextmanager
def start_heartbeater(seconds: float = INTERVAL) -> Iterator[Heartbeater]:
    heartbeater = Heartbeater(seconds)
    try:
        yield heartbeater
    finally:
        heartbeater.stop()


@workflow.defn
class OneActivity:
    """Runs the named activity once, with a heartbeat timeout shorter than it blocks."""

    @workflow.run
    async def run(self, name: str) -> None:
        await workflow.execute_activity(
            name,
            start_to_close_timeout=timedelta(seconds=20),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


class Activities:
    """Two activities that block equally long; only one sends heartbeats."""

    def __init__(self, heartbeater: Heartbeater) -> None:
        self._heartbeater = heartbeater

    @activity.defn(name="alive")
    def alive(self) -> None:
        with self._heartbeater.running():
            time.sleep(BLOCKED)

    @activity.defn(name="silent")
    def silent(self) -> None:
        activity.wait_for_worker_shutdown_sync(BLOCKED)


async def run(engine: Client, heartbeater: Heartbeater, name: str) -> None:
    activities = Activities(heartbeater)
    queue = f"heart-{uuid4()}"
    worker = Worker(
        engine,
        task_queue=queue,
        workflows=[OneActivity],
        activities=[activities.alive, activities.silent],
        activity_executor=ThreadPoolExecutor(2),
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        await engine.execute_workflow(OneActivity.run, name, id=queue, task_queue=queue)


async def test_an_activity_that_blocks_longer_than_its_heartbeat_timeout_survives(
    engine: Client,
) -> None:
    with start_heartbeater() as heartbeater:
        await run(engine, heartbeater, "alive")


async def test_the_same_activity_without_heartbeats_times_out(engine: Client) -> None:
    with start_heartbeater() as heartbeater, pytest.raises(WorkflowFailureError) as caught:
        await run(engine, heartbeater, "silent")
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, StepTimedOut)


def run_until(enough: threading.Event, heartbeater: Heartbeater) -> None:
    with heartbeater.running():
        assert enough.wait(10)


def test_heartbeats_end_with_the_block() -> None:
    heartbeats: list[object] = []
    enough = threading.Event()
    environment = ActivityEnvironment()

    def on_heartbeat(*details: object) -> None:
        heartbeats.append(details)
        enough.set()

    environment.on_heartbeat = on_heartbeat
    with start_heartbeater(0.01) as heartbeater:
        environment.run(run_until, enough, heartbeater)
        assert heartbeater._activities == {}
    assert heartbeats


def test_a_heartbeat_that_fails_stops_neither_later_ones_nor_other_activities() -> None:
    calls = 0
    enough = threading.Event()
    failing, other = ActivityEnvironment(), ActivityEnvironment()
    other_alive = threading.Event()

    def on_heartbeat(*details: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TimeoutError("the loop is busy")
        enough.set()

    failing.on_heartbeat = on_heartbeat
    other.on_heartbeat = lambda *details: other_alive.set()
    with start_heartbeater(0.01) as heartbeater, ThreadPoolExecutor(2) as threads:
        futures = [
            threads.submit(failing.run, run_until, enough, heartbeater),
            threads.submit(other.run, run_until, other_alive, heartbeater),
        ]
        for future in futures:
            future.result(10)
    assert calls >= 2


def test_a_heartbeater_that_never_ran_stops_too() -> None:
    with start_heartbeater():
        pass
