"""The second baseline: as many activities that do nothing, on the same engine, same window."""

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
def nothing(number: int) -> None:
    """What an activity costs when it does nothing."""


@workflow.defn
class Empty:
    """A window of activities, as a task hands them out."""

    @workflow.run
    async def run(self, count: int, window: int) -> None:
        """Returns when all have ended."""
        flying: set[asyncio.Task[None]] = set()
        for number in range(count):
            await workflow.wait_condition(lambda: len(flying) < window)
            task = asyncio.create_task(self._one(number))
            flying.add(task)
            task.add_done_callback(flying.discard)
        await workflow.wait_condition(lambda: not flying)

    async def _one(self, number: int) -> None:
        await workflow.execute_activity(
            nothing, number, start_to_close_timeout=timedelta(minutes=1)
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
            activities=[nothing],
            activity_executor=pool,
            max_concurrent_activities=lab.concurrency,
        ):
            with stopwatch() as took:
                await client.execute_workflow(
                    Empty.run, args=[count, lab.concurrency], id=queue, task_queue=queue
                )
    return took[0]
