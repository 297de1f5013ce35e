"""Steps that block are beaten for, and one beat that fails stops no other."""

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

from activities.heartbeats import Heart

BEAT = 0.05
BLOCKED = 1.0
HEARTBEAT_TIMEOUT = timedelta(seconds=0.5)


@contextmanager
def heart(seconds: float = BEAT) -> Iterator[Heart]:
    living = Heart(seconds)
    try:
        yield living
    finally:
        living.stop()


@workflow.defn
class OneStep:
    """Runs the step named, once, with a heartbeat timeout shorter than it blocks."""

    @workflow.run
    async def run(self, step: str) -> None:
        await workflow.execute_activity(
            step,
            start_to_close_timeout=timedelta(seconds=20),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


class Steps:
    """Two steps that block equally long; only one is beaten for."""

    def __init__(self, living: Heart) -> None:
        self._heart = living

    @activity.defn(name="beaten")
    def beaten(self) -> None:
        with self._heart.beating():
            time.sleep(BLOCKED)

    @activity.defn(name="silent")
    def silent(self) -> None:
        activity.wait_for_worker_shutdown_sync(BLOCKED)


async def run(engine: Client, living: Heart, step: str) -> None:
    steps = Steps(living)
    queue = f"heart-{uuid4()}"
    worker = Worker(
        engine,
        task_queue=queue,
        workflows=[OneStep],
        activities=[steps.beaten, steps.silent],
        activity_executor=ThreadPoolExecutor(2),
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        await engine.execute_workflow(OneStep.run, step, id=queue, task_queue=queue)


async def test_a_step_that_blocks_longer_than_its_heartbeat_timeout_survives(
    engine: Client,
) -> None:
    with heart() as living:
        await run(engine, living, "beaten")


async def test_the_same_step_without_a_heart_is_given_up(engine: Client) -> None:
    with heart() as living, pytest.raises(WorkflowFailureError) as caught:
        await run(engine, living, "silent")
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, StepTimedOut)


def beaten_until(enough: threading.Event, living: Heart) -> None:
    with living.beating():
        assert enough.wait(10)


def test_beats_end_with_the_block() -> None:
    beats: list[object] = []
    enough = threading.Event()
    environment = ActivityEnvironment()

    def beat(*details: object) -> None:
        beats.append(details)
        enough.set()

    environment.on_heartbeat = beat
    with heart(0.01) as living:
        environment.run(beaten_until, enough, living)
        assert living._steps == {}
    assert beats


def test_a_beat_that_does_not_get_through_stops_neither_later_ones_nor_other_steps() -> None:
    calls = 0
    enough = threading.Event()
    failing, other = ActivityEnvironment(), ActivityEnvironment()
    other_beaten = threading.Event()

    def beat(*details: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise TimeoutError("the loop is busy")
        enough.set()

    failing.on_heartbeat = beat
    other.on_heartbeat = lambda *details: other_beaten.set()
    with heart(0.01) as living, ThreadPoolExecutor(2) as threads:
        steps = [
            threads.submit(failing.run, beaten_until, enough, living),
            threads.submit(other.run, beaten_until, other_beaten, living),
        ]
        for step in steps:
            step.result(10)
    assert calls >= 2


def test_a_heart_that_never_beat_stops_too() -> None:
    with heart():
        pass
