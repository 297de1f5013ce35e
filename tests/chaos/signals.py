"""Sends signals and updates to tasks, at any moment and more than once; `run` calls it."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import OperationalError
from temporalio.client import (
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from starter.temporal.client import EngineUnreachable
from tests.chaos.scenario import Request
from tests.chaos.site import Site

TIMEOUT = 60.0
LATER = timedelta(seconds=1)
UPDATES = ("reschedule", "proceed", "stop")


@dataclass
class SentRequests:
    """The requests sent, in order: task id and kind, and the reason of each refusal."""

    accepted: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def list_accepted(self, task: TaskRecord) -> list[str]:
        """The kinds of requests that this task accepted."""
        return [kind for task_id, kind in self.accepted if task_id == task.id]


async def send(
    site: Site, task: TaskRecord, planned: Request, dice: random.Random, sent: SentRequests
) -> None:
    """Send the request as often as planned, each until it is answered."""
    kind = planned.kind
    resources = None
    if kind.endswith("some"):
        ids = await _list_resource_ids(site, task)
        resources = dice.sample(ids, max(1, len(ids) // 3))
    name = kind.partition(" ")[0]
    payload: dict[str, Any] = {"reason": f"chaos {kind}", "requested_by": "chaos"}
    if name in ("rollback", "retry"):
        payload["resources"] = resources
    if name == "reschedule":
        payload = {"at": (datetime.now(UTC) + LATER).isoformat()}
    await asyncio.gather(
        *(_send_once(site, task, name, kind, payload, sent) for _ in range(planned.times))
    )


async def _list_resource_ids(site: Site, task: TaskRecord) -> list[str]:
    """Ids of the task's resources, as soon as the database answers.

    The query runs in a thread: a stopped database blocks it, and this loop has to resume that
    database.
    """
    while True:
        try:
            listed = await asyncio.to_thread(site.stack.store.tasks.outcomes.list, task.id)
        except OperationalError:
            await asyncio.sleep(0.3)
        else:
            return sorted(each.change.resource.id for each in listed)


async def _send_once(
    site: Site, task: TaskRecord, name: str, kind: str, payload: dict[str, Any], sent: SentRequests
) -> None:
    try:
        async with asyncio.timeout(TIMEOUT):
            await _retry_until_answered(site, task, name, payload)
    except WorkflowUpdateFailedError as error:
        sent.refused.append((task.id, kind, str(error.cause)))
    except RPCError as error:
        sent.refused.append((task.id, kind, error.message))
    except TimeoutError:
        sent.refused.append((task.id, kind, f"no answer in {TIMEOUT:g} s"))
    else:
        sent.accepted.append((task.id, kind))


async def _retry_until_answered(
    site: Site, task: TaskRecord, name: str, payload: dict[str, Any]
) -> None:
    """Retry while the server is down."""
    # The client raises the same error for its timeout and for a cancellation, so a deadline counts.
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        try:
            client = await site.client()
            await _send_message(
                client.get_workflow_handle(build_workflow_id(task.id)), name, payload
            )
            return
        except (EngineUnreachable, WorkflowUpdateRPCTimeoutOrCancelledError):
            pass
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise
        await asyncio.sleep(0.3)
    raise TimeoutError


async def _send_message(
    handle: WorkflowHandle[Any, Any], name: str, payload: dict[str, Any]
) -> None:
    if name in UPDATES:
        await handle.execute_update(name, payload)
    else:
        await handle.signal(name, payload)
