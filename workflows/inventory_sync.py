"""One sync of one account: its services side by side, each walked to its end or given up."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
)

from workflows.failures import cause_of
from workflows.policies import BOOKKEEPING, WALK, WALKS_AT_ONCE

with workflow.unsafe.imports_passed_through():
    from activities.inventory_sync import FailedWalk, Walks
    from domain.resources.inventory_sync import (
        SCHEDULED_TYPE,
        WORKFLOW_TYPE,
        Synced,
        SyncInput,
        SyncProgress,
        SyncRequest,
        Walk,
        WalkProgress,
        WalkState,
        workflow_id,
    )


@workflow.defn(name=WORKFLOW_TYPE)
class InventorySync:
    """Walks what it is started with, and what others add while it runs."""

    @workflow.init
    def __init__(self, asked: SyncInput) -> None:
        self._account = asked.account
        self._services: dict[str, WalkProgress] = {}
        self._rounds: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(WALKS_AT_ONCE)

    @workflow.update
    async def join(self, request: SyncRequest) -> SyncProgress:
        """Adds services to this sync; answers which walk of each one will tell.

        A service that waits or is under way is walked once for all who ask. One that has ended is
        walked again only if it is named: who names it wants to know how it is now.
        """
        self._add(await self._chosen(request.services), again=bool(request.services))
        return self.progress()

    @workflow.query
    def progress(self) -> SyncProgress:
        """Where each service stands."""
        return SyncProgress(account=self._account, services=tuple(self._services.values()))

    @workflow.run
    async def run(self, asked: SyncInput) -> list[Synced]:
        """What the last walk through each service found; failures are told, not raised."""
        try:
            self._add(await self._chosen(asked.services), again=False)
            await workflow.wait_condition(self._is_over)
            await asyncio.gather(*self._under_way.values())  # an error of ours is not swallowed
        except asyncio.CancelledError:
            under_way = self._under_way.values()
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            raise
        return [self._result(each) for each in self._services.values()]

    async def _chosen(self, services: tuple[str, ...]) -> Sequence[str]:
        if services:
            return services
        return await workflow.execute_activity_method(
            Walks.services_to_walk, self._account, summary="list services", **BOOKKEEPING
        )

    def _add(self, services: Sequence[str], *, again: bool) -> None:
        for service in services:
            known = self._services.get(service)
            if known is None or (again and known.state is WalkState.ENDED):
                number = self._rounds[service] = self._rounds.get(service, 0) + 1
                run = f"{workflow.info().first_execution_run_id}/{number}"
                self._show(WalkProgress(service=service, run=run))
                self._under_way[service] = asyncio.create_task(self._walk(service, run))

    def _is_over(self) -> bool:
        ended = all(task.done() for task in self._under_way.values())
        return ended and workflow.all_handlers_finished()

    async def _walk(self, service: str, run: str) -> None:
        walk = Walk(account=self._account, service=service, run=run)
        async with self._places:
            self._show(WalkProgress(service=service, run=run, state=WalkState.WALKING))
            found = await _found(walk)
        self._show(
            WalkProgress(
                service=service,
                run=run,
                state=WalkState.ENDED,
                seen=found.seen,
                vanished=found.vanished,
                to_read=found.to_read,
                were_read=found.were_read,
                error=found.error,
            )
        )

    def _show(self, progress: WalkProgress) -> None:
        self._services[progress.service] = progress
        workflow.set_current_details("\n".join(f"- {_line(p)}" for p in self._services.values()))

    def _result(self, ended: WalkProgress) -> Synced:
        return Synced(
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
    """Starts the sync of an account under its own name, which a schedule cannot do by itself.

    It adds a time to the name of whatever it starts, and two syncs would run side by side.
    """

    @workflow.run
    async def run(self, asked: SyncInput) -> bool:
        """False where a sync of this account ran already: it does what was wanted."""
        try:
            await workflow.execute_child_workflow(
                InventorySync.run,
                asked,
                id=workflow_id(asked.account),
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"inventory of {asked.account}, on schedule",
            )
        except WorkflowAlreadyStartedError:
            return False
        except ChildWorkflowError:
            workflow.logger.warning("the sync of %s failed", asked.account)
        return True


async def _found(walk: Walk) -> Synced:
    """One walk with all its attempts; given up or cancelled, it is recorded, and the others go on.

    One that is cancelled hears of it with its next heartbeat, and stops between two pages.
    """
    try:
        return await workflow.execute_activity_method(
            Walks.walk_service,
            walk,
            summary=f"walk {walk.service}",
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            **WALK,
        )
    except ActivityError as failure:
        return await workflow.execute_activity_method(
            Walks.record_failed_walk,
            FailedWalk(walk=walk, cause=cause_of(failure)),
            summary=f"record failure of {walk.service}",
            **BOOKKEEPING,
        )


def _line(progress: WalkProgress) -> str:
    if progress.error is not None:
        return f"{progress.service}: {progress.error.code}"
    counted = f", {progress.seen} resources" if progress.state is WalkState.ENDED else ""
    return f"{progress.service}: {progress.state.value}{counted}"
