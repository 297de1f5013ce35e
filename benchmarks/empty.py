"""Baseline 2: the same number of empty activities, on the same server, equally concurrent."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from benchmarks.lab import Lab, stopwatch
    from starter.temporal.client import connect


@activity.defn
def do_nothing(number: int) -> None:
    """An empty activity."""


@workflow.defn
class Empty:
    """Runs activities within a concurrency window, as a task does."""

    @workflow.run
    async def run(self, count: int, window: int) -> None:
        in_flight: set[asyncio.Task[None]] = set()
        for number in range(count):
            await workflow.wait_condition(lambda: len(in_flight) < window)
            task = asyncio.create_task(self._one(number))
            in_flight.add(task)
            task.add_done_callback(in_flight.discard)
        await workflow.wait_condition(lambda: not in_flight)

    async def _one(self, number: int) -> None:
        await workflow.execute_activity(
            do_nothing, number, start_to_close_timeout=timedelta(minutes=1)
        )


async def run(lab: Lab, count: int) -> float:
    """Seconds for `count` activities."""
    client = await connect(lab.settings)
    queue = f"bench-{uuid.uuid4()}"
    with ThreadPoolExecutor(lab.concurrency) as pool:
        async with Worker(
            client,
            task_queue=queue,
            workflows=[Empty],
            activities=[do_nothing],
            activity_executor=pool,
            max_concurrent_activities=lab.concurrency,
        ):
            with stopwatch() as took:
                await client.execute_workflow(
                    Empty.run, args=[count, lab.concurrency], id=queue, task_queue=queue
                )
    return took[0]
