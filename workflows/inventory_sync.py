"""Syncs the inventory of one account, several services at once.

starter/requests starts it, and Temporal Schedules through `InventorySyncOnSchedule`.
"""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
)

from workflows.failures import build_cause
from workflows.policies import BOOKKEEPING, MAX_SERVICES_AT_ONCE, SYNC_SERVICE

with workflow.unsafe.imports_passed_through():
    from activities.inventory_sync import FailedSync, InventorySyncActivities
    from domain.resources.inventory_sync import (
        SCHEDULED_TYPE,
        WORKFLOW_TYPE,
        ServiceSync,
        ServiceSyncProgress,
        ServiceSyncResult,
        ServiceSyncState,
        SyncInput,
        SyncProgress,
        SyncRequest,
        workflow_id,
    )


@workflow.defn(name=WORKFLOW_TYPE)
class InventorySync:
    """Syncs the services of its input, and those that `join` adds while it runs."""

    @workflow.init
    def __init__(self, request: SyncInput) -> None:
        self._account = request.account
        self._services: dict[str, ServiceSyncProgress] = {}
        self._runs: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MAX_SERVICES_AT_ONCE)

    @workflow.update
    async def join(self, request: SyncRequest) -> SyncProgress:
        """Adds services to this sync; answers with the run of each service to wait for.

        A service that waits or is under way is synced once for all callers. One that has ended is
        synced again only if the request names it.
        """
        self._add(await self._list_services(request.services), again=bool(request.services))
        return self.progress()

    @workflow.query
    def progress(self) -> SyncProgress:
        """The progress of each service."""
        return SyncProgress(account=self._account, services=tuple(self._services.values()))

    @workflow.run
    async def run(self, request: SyncInput) -> list[ServiceSyncResult]:
        """The result of each service's last sync; failures are results, not raised."""
        try:
            self._add(await self._list_services(request.services), again=False)
            await workflow.wait_condition(self._is_over)
            await asyncio.gather(*self._under_way.values())  # raises a bug of this workflow
        except asyncio.CancelledError:
            under_way = self._under_way.values()
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            raise
        return [self._build_result(each) for each in self._services.values()]

    async def _list_services(self, services: tuple[str, ...]) -> Sequence[str]:
        if services:
            return services
        return await workflow.execute_activity_method(
            InventorySyncActivities.list_services_to_sync,
            self._account,
            summary="list services",
            **BOOKKEEPING,
        )

    def _add(self, services: Sequence[str], *, again: bool) -> None:
        for service in services:
            known = self._services.get(service)
            if known is None or (again and known.state is ServiceSyncState.ENDED):
                number = self._runs[service] = self._runs.get(service, 0) + 1
                run = f"{workflow.info().first_execution_run_id}/{number}"
                self._set_progress(ServiceSyncProgress(service=service, run=run))
                self._under_way[service] = asyncio.create_task(self._sync(service, run))

    def _is_over(self) -> bool:
        ended = all(task.done() for task in self._under_way.values())
        return ended and workflow.all_handlers_finished()

    async def _sync(self, service: str, run: str) -> None:
        walk = ServiceSync(account=self._account, service=service, run=run)
        async with self._slots:
            self._set_progress(
                ServiceSyncProgress(service=service, run=run, state=ServiceSyncState.RUNNING)
            )
            found = await _sync_service(walk)
        self._set_progress(
            ServiceSyncProgress(
                service=service,
                run=run,
                state=ServiceSyncState.ENDED,
                seen=found.seen,
                vanished=found.vanished,
                to_read=found.to_read,
                were_read=found.were_read,
                error=found.error,
            )
        )

    def _set_progress(self, progress: ServiceSyncProgress) -> None:
        self._services[progress.service] = progress
        workflow.set_current_details(
            "\n".join(f"- {_format_progress(p)}" for p in self._services.values())
        )

    def _build_result(self, ended: ServiceSyncProgress) -> ServiceSyncResult:
        return ServiceSyncResult(
            account=self._account,
            service=ended.service,
            seen=ended.seen,
            vanished=ended.vanished,
            to_read=ended.to_read,
            were_read=ended.were_read,
            error=ended.error,
        )


@workflow.defn(name=SCHEDULED_TYPE)
class InventorySyncOnSchedule:
    """Starts the sync of an account under the account's workflow id.

    A Temporal Schedule adds a time to the id of whatever it starts: two syncs could run at once.
    """

    @workflow.run
    async def run(self, request: SyncInput) -> bool:
        """False if a sync of this account was running already."""
        try:
            await workflow.execute_child_workflow(
                InventorySync.run,
                request,
                id=workflow_id(request.account),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"inventory of {request.account}, on schedule",
            )
        except WorkflowAlreadyStartedError:
            return False
        except ChildWorkflowError:
            workflow.logger.warning("the sync of %s failed", request.account)
        return True


async def _sync_service(walk: ServiceSync) -> ServiceSyncResult:
    """Syncs one service with all attempts; a failure is recorded, and the other services go on.

    A cancelled activity learns of it with its next heartbeat, and stops between two pages.
    """
    try:
        return await workflow.execute_activity_method(
            InventorySyncActivities.sync_service,
            walk,
            summary=f"sync {walk.service}",
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            **SYNC_SERVICE,
        )
    except ActivityError as failure:
        return await workflow.execute_activity_method(
            InventorySyncActivities.record_failed_sync,
            FailedSync(sync=walk, cause=build_cause(failure)),
            summary=f"record failure of {walk.service}",
            **BOOKKEEPING,
        )


def _format_progress(progress: ServiceSyncProgress) -> str:
    if progress.error is not None:
        return f"{progress.service}: {progress.error.code}"
    counted = f", {progress.seen} resources" if progress.state is ServiceSyncState.ENDED else ""
    return f"{progress.service}: {progress.state.value}{counted}"
