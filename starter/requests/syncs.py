"""Starts, joins and watches syncs of the inventory. Called by the CLI and by freshness.py."""

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
    ServiceSync,
    ServiceSyncRecord,
    ServiceSyncResult,
    SyncInput,
    SyncProgress,
    SyncRequest,
    workflow_id,
)
from domain.tasks.messages import TASK_QUEUE
from starter.temporal.client import NoWorker, count_workers
from storage.store import Store
from workflows.failures import build_cause
from workflows.inventory_sync import InventorySync
from workflows.policies import SYNC_START_SECONDS

POLL_SECONDS = 0.3
READS_PER_QUERY = 4


@dataclass(frozen=True)
class RunningSync:
    """A sync of one account, and its service syncs that answer a request."""

    account: str
    handle: WorkflowHandle[InventorySync, Any]
    service_syncs: tuple[ServiceSync, ...]


async def start_or_join(
    client: Client, store: Store, account: str, services: Sequence[str] | None = None
) -> RunningSync:
    """Starts a sync of these services, or of all with resources, or joins the one under way.

    BadInput for an unknown account or service; NoWorker if no worker is running.
    """
    await asyncio.to_thread(store.accounts.get, account)
    for service in services or ():
        connectors.load_connector(service)
    address = client.service_client.config.target_host
    if not await count_workers(client):
        raise NoWorker(address)
    requested = tuple(services or ())
    starting = WithStartWorkflowOperation(
        InventorySync.run,
        SyncInput(account=account, services=requested),
        id=workflow_id(account),
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"inventory of {account}",
    )
    limit = asyncio.timeout(SYNC_START_SECONDS)
    try:
        async with limit:
            progress: SyncProgress = await client.execute_update_with_start_workflow(
                InventorySync.join,
                SyncRequest(services=requested),
                start_workflow_operation=starting,
            )
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        if not limit.expired():
            raise asyncio.CancelledError from None
        raise NoWorker(address) from None  # the server still lists workers that have ended
    except WorkflowUpdateFailedError as error:
        raise BadInput(
            _format_error(error.cause), where=f"account {account}", code="sync-refused"
        ) from None
    walks = tuple(
        ServiceSync(account=account, service=each.service, run=each.run)
        for each in progress.services
        if not requested or each.service in requested
    )
    return RunningSync(account, await starting.workflow_handle(), walks)


async def watch(store: Store, running: RunningSync) -> AsyncIterator[list[ServiceSyncRecord]]:
    """The service syncs that have begun, repeatedly, until all have ended or the sync has."""
    for number in range(1_000_000_000):
        closed = number % READS_PER_QUERY == 0 and await _is_closed(running)
        begun = await asyncio.to_thread(_list_begun, store, running)
        yield begun
        if closed or sum(each.ended_at is not None for each in begun) == len(running.service_syncs):
            return
        await asyncio.sleep(POLL_SECONDS)


async def read_results(store: Store, running: RunningSync) -> list[ServiceSyncResult]:
    """The results of the requested services, in their order; call it once `watch` has ended."""
    begun = await asyncio.to_thread(_list_begun, store, running)
    ended = {each.service: each.result for each in begun if each.ended_at is not None}
    if len(ended) < len(running.service_syncs):
        ended = {**await _read_workflow_results(running), **ended}
    return [ended[walk.service] for walk in running.service_syncs]


def _list_begun(store: Store, running: RunningSync) -> list[ServiceSyncRecord]:
    runs = {walk.service: walk.run for walk in running.service_syncs}
    return [
        each for each in store.syncs.list(running.account) if runs.get(each.service) == each.run
    ]


async def _is_closed(running: RunningSync) -> bool:
    status = (await running.handle.describe()).status
    return status is not WorkflowExecutionStatus.RUNNING


async def _read_workflow_results(running: RunningSync) -> dict[str, ServiceSyncResult]:
    """Results of the closed workflow for syncs without a row, or with a newer one."""
    try:
        found = {each.service: each for each in await running.handle.result()}
    except WorkflowFailureError as error:
        cause = Cause(
            code="sync-ended", message=f"the sync has ended early: {_format_error(error.cause)}"
        )
        found = {}
    else:
        cause = Cause(code="sync-ended", message="the sync has ended without this service")
    return {
        walk.service: found.get(walk.service)
        or ServiceSyncResult(account=walk.account, service=walk.service, error=cause)
        for walk in running.service_syncs
    }


def _format_error(cause: BaseException | None) -> str:
    if isinstance(cause, ActivityError):
        return str(build_cause(cause))
    return str(cause)
