"""Syncs of the inventory, from the asking side: started or joined, watched, and told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError

import connectors
from domain.cause import Cause
from domain.errors import BadInput
from domain.resources.inventory_sync import (
    Synced,
    SyncInput,
    SyncProgress,
    SyncRequest,
    Walk,
    WalkRecord,
    workflow_id,
)
from domain.tasks.messages import TASK_QUEUE
from starter.temporal.client import NoWorker, workers
from storage.store import Store
from workflows.failures import cause_of
from workflows.inventory_sync import InventorySync

SECONDS_BETWEEN_LOOKS = 0.3
LOOKS_PER_QUESTION = 4
LONGEST_START = 30.0


@dataclass(frozen=True)
class Running:
    """A sync of one account, and the walks in it that answer what was asked."""

    account: str
    handle: WorkflowHandle[InventorySync, Any]
    walks: tuple[Walk, ...]


async def sync(
    client: Client, store: Store, account: str, services: Sequence[str] | None = None
) -> Running:
    """Starts a sync of these services, or of all that serve something; one that runs is joined.

    BadInput for an unknown account or service; NoWorker where none takes work.
    """
    await asyncio.to_thread(store.accounts.get, account)
    for service in services or ():
        connectors.load(service)
    address = client.service_client.config.target_host
    if not await workers(client):
        raise NoWorker(address)
    asked = tuple(services or ())
    starting = WithStartWorkflowOperation(
        InventorySync.run,
        SyncInput(account=account, services=asked),
        id=workflow_id(account),
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"inventory of {account}",
    )
    limit = asyncio.timeout(LONGEST_START)
    try:
        async with limit:
            progress: SyncProgress = await client.execute_update_with_start_workflow(
                InventorySync.join,
                SyncRequest(services=asked),
                start_workflow_operation=starting,
            )
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        if not limit.expired():
            raise asyncio.CancelledError from None
        raise NoWorker(address) from None  # the server remembers those that have ended
    except WorkflowUpdateFailedError as error:
        raise BadInput(_why(error.cause), where=f"account {account}") from None
    walks = tuple(
        Walk(account=account, service=each.service, run=each.run)
        for each in progress.services
        if not asked or each.service in asked
    )
    return Running(account, await starting.workflow_handle(), walks)


async def watch(store: Store, running: Running) -> AsyncIterator[list[WalkRecord]]:
    """The walks that have begun, again and again, until all have ended or the sync has."""
    for look in range(1_000_000_000):
        closed = look % LOOKS_PER_QUESTION == 0 and await _is_closed(running)
        begun = await asyncio.to_thread(_begun, store, running)
        yield begun
        if closed or sum(each.ended_at is not None for each in begun) == len(running.walks):
            return
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def results(store: Store, running: Running) -> list[Synced]:
    """What the walks found, in the order asked for, once `watch` has ended."""
    begun = await asyncio.to_thread(_begun, store, running)
    ended = {each.service: each.result for each in begun if each.ended_at is not None}
    if len(ended) < len(running.walks):
        ended = {**await _told(running), **ended}
    return [ended[walk.service] for walk in running.walks]


def _begun(store: Store, running: Running) -> list[WalkRecord]:
    runs = {walk.service: walk.run for walk in running.walks}
    return [
        each for each in store.syncs.list(running.account) if runs.get(each.service) == each.run
    ]


async def _is_closed(running: Running) -> bool:
    status = (await running.handle.describe()).status
    return status is not WorkflowExecutionStatus.RUNNING


async def _told(running: Running) -> dict[str, Synced]:
    """What the closed workflow says of walks that left no trace, or were walked over since."""
    try:
        told = {each.service: each for each in await running.handle.result()}
    except WorkflowFailureError as error:
        cause = Cause(code="SyncEnded", message=f"the sync has ended early: {_why(error.cause)}")
        told = {}
    else:
        cause = Cause(code="SyncEnded", message="the sync has ended without this service")
    return {
        walk.service: told.get(walk.service)
        or Synced(account=walk.account, service=walk.service, error=cause)
        for walk in running.walks
    }


def _why(cause: BaseException | None) -> str:
    if isinstance(cause, ActivityError):
        return str(cause_of(cause))
    return str(cause)
