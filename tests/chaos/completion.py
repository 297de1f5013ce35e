"""Waits until all tasks of a run have ended, after the last fault; `run` calls it."""

import asyncio
import random
import time

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from starter.requests.tasks import OPEN
from tests.chaos.scenario import Request
from tests.chaos.signals import SentRequests, send
from tests.chaos.site import Site

PATIENCE = 240.0
QUERY = 10.0


async def wait_idle(
    site: Site, tasks: list[TaskRecord], dice: random.Random, sent: SentRequests
) -> list[str]:
    """Wait until no task is at work; returns the state of each task that does not end.

    A task that waits at a gate gets a `proceed`.
    """
    deadline = time.monotonic() + PATIENCE
    client = await site.client()
    waiting = list(tasks)
    while waiting and time.monotonic() < deadline:
        waiting = [task for task in waiting if not await _is_idle(site, client, task, dice, sent)]
        if waiting:
            await asyncio.sleep(0.2)
    return [
        f"task {each.id} has not ended: {await _describe_state(site, client, each)}"
        for each in waiting
    ]


async def _is_idle(
    site: Site, client: Client, task: TaskRecord, dice: random.Random, sent: SentRequests
) -> bool:
    described = await client.get_workflow_handle(build_workflow_id(task.id)).describe()
    record = site.stack.store.tasks.get(task.id)
    raw = described.raw_description
    busy = bool(raw.pending_activities) or raw.HasField("pending_workflow_task")
    closed = described.status is not WorkflowExecutionStatus.RUNNING
    if busy and not closed:
        return False
    if record.status in OPEN and not closed and await _is_at_gate(client, task):
        await send(site, task, Request("proceed", 0, 0), dice, sent)
        return False
    return record.status not in OPEN


async def _is_at_gate(client: Client, task: TaskRecord) -> bool:
    """False if no worker answers: the task then runs into the deadline."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    try:
        progress = await asyncio.wait_for(handle.query("progress"), QUERY)
    except (RPCError, TimeoutError):
        return False
    return "proceed" in progress.get("can", ())


async def _describe_state(site: Site, client: Client, task: TaskRecord) -> str:
    """Why a task is open: its status, its progress, and its pending activities."""
    try:
        handle = client.get_workflow_handle(build_workflow_id(task.id))
        described = await handle.describe()
        progress = await asyncio.wait_for(handle.query("progress"), QUERY)
    except (RPCError, TimeoutError) as error:
        return f"no answer to the query: {error}"
    pending = [
        f"{each.activity_type.name} attempt {each.attempt}: {each.last_failure.message}"
        for each in described.raw_description.pending_activities[:5]
    ]
    record = site.stack.store.tasks.get(task.id)
    return f"{described.status!r}, {record.status}, {progress}, pending {pending}"
