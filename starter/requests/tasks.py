"""Deployment tasks, from the asking side: rows in storage, workflows in Temporal, their signals."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput
from domain.model import Value
from domain.plans.plan import Plan
from domain.preflight.checks import NO_CHECKS, Policy
from domain.rollout.policy import Rollout
from domain.tasks.messages import (
    TASK_QUEUE,
    CancelRequest,
    DeleteRequest,
    ProceedRequest,
    Progress,
    RescheduleRequest,
    RetryRequest,
    RollbackRequest,
    StopRequest,
    TaskInput,
    workflow_id,
)
from domain.tasks.record import Draft, TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests.task_draft import drafted, schedule, told
from starter.temporal.client import register_search_attributes
from storage.store import Store
from workflows import search_attributes
from workflows.deployment.workflow import DeploymentTask

OPEN = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
SECONDS_BETWEEN_LOOKS = 0.3


async def create(
    store: Store,
    client: Client,
    *,
    name: str,
    plan: Plan,
    contacts: Sequence[str],
    at: datetime,
    created_by: str,
    rollback_days: int = 30,
    concurrency: int = 100,
    rollout: Rollout | None = None,
    require_coverage: bool = False,
    checks: Mapping[str, Policy] = NO_CHECKS,
    ignore_windows: str | None = None,
    plan_id: str | None = None,
) -> TaskRecord:
    """Writes the task and starts its workflow; raises BadInput before anything is written.

    Outside a maintenance window, or in a freeze, it gets the time of its next opening, and its
    audit says so; `ignore_windows` is the reason why it shall heed neither. Without a `rollout` it
    gets the one that goes for so many changes.
    """
    draft = drafted(
        name=name,
        plan=plan,
        contacts=contacts,
        at=at,
        created_by=created_by,
        asked=Draft(rollback_days=rollback_days, require_coverage=require_coverage),
        concurrency=concurrency,
        rollout=rollout,
        checks=checks,
        ignore_windows=ignore_windows,
        plan_id=plan_id,
    )
    record, found = schedule(store, draft, plan)
    store.tasks.create(record, plan)
    told(store, record, found, asked=at, kind="created", by=created_by)
    try:
        await start(store, client, record)
    except WorkflowAlreadyStartedError:
        pass  # a worker that just came up found the row and was quicker
    except RPCError:
        store.tasks.delete(record.id, created_by, "Temporal did not take it", datetime.now(UTC))
        raise
    return record


async def start_forgotten(store: Store, client: Client) -> int:
    """Starts the workflow of each task that was written but not started; returns how many.

    Whoever asked may have been killed between the two; a worker looks once when it starts.
    """
    started = 0
    for record in store.tasks.list(status=TaskStatus.SCHEDULED):
        try:
            await start(store, client, record)
            started += 1
        except WorkflowAlreadyStartedError:
            continue
    return started


async def start(store: Store, client: Client, record: TaskRecord) -> None:
    """Starts the workflow of a written task; one that runs already is left alone."""
    names = [store.certificates.get(fingerprint).name for fingerprint in record.certificates]
    task = TaskInput(
        task_id=record.id,
        name=record.name,
        digest=record.digest,
        certificates=tuple(names),
        contacts=record.contacts,
        at=record.at,
        rollback_until=record.rollback_until,
        concurrency=record.concurrency,
        rollout=record.rollout,
        waves=max(1, len(store.tasks.outcomes.wave_tallies(record.id))),
    )
    await register_search_attributes(client)  # a new server knows them only once a worker ran
    await client.start_workflow(
        DeploymentTask.run,
        task,
        id=workflow_id(record.id),
        task_queue=TASK_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=search_attributes.at_start(task),
        static_summary=f"{record.name}: {record.tally.total} resources",
        static_details=f"by {record.created_by}, plan {record.digest[:12]}, "
        f"quota {record.cost}, open for rollback until {record.rollback_until:%Y-%m-%d}",
    )


async def reschedule(client: Client, record: TaskRecord, at: datetime) -> datetime:
    """Another time for a waiting task."""
    _refuse_draft(record, f"Give it another time: certroll task edit {record.id} --at TIME.")
    moved: datetime = await _update(
        client, record, DeploymentTask.reschedule, RescheduleRequest(at=at)
    )
    return moved


async def proceed(client: Client, record: TaskRecord, reason: str, by: str) -> int:
    """The word to go on with the next wave; its number from 1. BadInput unless it waits for it."""
    _refuse_draft(record, f"Submit it: certroll task submit {record.id}.")
    request = ProceedRequest(reason=reason, requested_by=by)
    wave: int = await _update(client, record, DeploymentTask.proceed, request)
    return wave


async def stop(client: Client, record: TaskRecord, reason: str, by: str) -> None:
    """Begins no further change and skips the rest. BadInput unless the task is at its changes."""
    _refuse_draft(record, f"Delete it: certroll task delete {record.id}.")
    request = StopRequest(reason=reason, requested_by=by)
    await _update(client, record, DeploymentTask.stop, request)


async def retry(
    client: Client, record: TaskRecord, resources: Sequence[str] | None, reason: str, by: str
) -> None:
    """Asks to try once more what failed, of these resources (ids) or of the whole task."""
    _refuse_draft(record, "Nothing of it has failed.")
    request = RetryRequest(
        resources=None if resources is None else tuple(resources), reason=reason, requested_by=by
    )
    await _signal(client, record, "retry", request)


async def cancel(client: Client, record: TaskRecord, reason: str, by: str) -> None:
    """Begins nothing more; raises BadInput for a task that has ended."""
    _refuse_draft(record, f"Delete it: certroll task delete {record.id}.")
    if record.status not in (TaskStatus.SCHEDULED, TaskStatus.RUNNING):
        raise BadInput(
            f"the task is {record.status.value}, nothing of it waits",
            where=f"task {record.id}",
            fix="To undo what it deployed use `certroll task rollback`.",
        )
    await _signal(client, record, "cancel", CancelRequest(reason=reason, requested_by=by))


async def rollback(
    client: Client,
    record: TaskRecord,
    resources: Sequence[str] | None,
    reason: str,
    by: str,
    *,
    force: bool = False,
) -> None:
    """Asks for the way back of some resources (ids) or of the whole task.

    With `force` also to certificates that have expired meanwhile.
    """
    _refuse_draft(record, "Nothing of it was deployed.")
    request = RollbackRequest(
        resources=None if resources is None else tuple(resources),
        reason=reason,
        requested_by=by,
        force=force,
    )
    await _signal(client, record, "rollback", request)


async def delete(store: Store, client: Client, record: TaskRecord, reason: str, by: str) -> None:
    """Cancels what waits, refunds it, and closes the way back; what is deployed stays."""
    request = DeleteRequest(reason=reason, requested_by=by)
    try:
        await _handle(client, record).signal("delete", request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        store.tasks.delete(record.id, by, reason, datetime.now(UTC))


async def progress(client: Client, record: TaskRecord) -> Progress | None:
    """What the workflow says of itself; None once it is closed and forgotten."""
    try:
        return await _handle(client, record).query(DeploymentTask.progress)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def watch(
    store: Store, task_id: str, *, until: frozenset[TaskStatus] | None = None
) -> AsyncIterator[TaskRecord]:
    """The task each time that it changed, until it is in `until` (default: nothing runs)."""
    last: TaskRecord | None = None
    while True:
        record = await asyncio.to_thread(store.tasks.get, task_id)
        if record != last:
            last = record
            yield record
        ended = record.status in until if until else record.status not in OPEN
        if ended or record.deleted_at:
            return
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


def _handle(client: Client, record: TaskRecord) -> WorkflowHandle[DeploymentTask, TaskStatus]:
    return client.get_workflow_handle_for(DeploymentTask.run, workflow_id(record.id))


async def _update(client: Client, record: TaskRecord, update: Any, request: Value) -> Any:
    """What the workflow answers; BadInput where it refuses."""
    try:
        return await _handle(client, record).execute_update(update, request)
    except WorkflowUpdateFailedError as error:
        # The engine's text begins with the type of the error, which tells a person nothing.
        told = error.cause.message if isinstance(error.cause, ApplicationError) else str(error)
        raise BadInput(told, where=f"task {record.id}") from None
    except RPCError as error:
        raise _closed(record, error) from None


async def _signal(
    client: Client,
    record: TaskRecord,
    name: str,
    request: RollbackRequest | CancelRequest | RetryRequest,
) -> None:
    try:
        await _handle(client, record).signal(name, request)
    except RPCError as error:
        raise _closed(record, error) from None


def _refuse_draft(record: TaskRecord, fix: str) -> None:
    if record.status is TaskStatus.DRAFT:
        raise BadInput("the task is a draft, nothing of it waits", where=record.name, fix=fix)


def _closed(record: TaskRecord, error: RPCError) -> Exception:
    if error.status is not RPCStatusCode.NOT_FOUND:
        return error
    return BadInput(
        "the task listens no longer: it was cancelled before it began, deleted, or its rollback "
        f"window ended ({record.rollback_until:%Y-%m-%d})",
        where=f"task {record.id}",
        fix="Deploy the former certificate with a new task.",
    )
