"""Creates deployment tasks, signals them and reads their progress. Called by the CLI and worker.py.

A task is a row in storage and a workflow in Temporal.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput
from domain.model import Value
from domain.tasks.audit import TaskEventCode
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
    build_workflow_id,
)
from domain.tasks.record import TaskRecord
from domain.tasks.spec import TaskSpec
from domain.tasks.status import TaskStatus
from starter.requests.task_draft import build_draft, build_scheduled_task, record_creation
from starter.temporal.client import register_search_attributes
from storage.store import Store
from workflows import search_attributes
from workflows.deployment.workflow import DeploymentTask

OPEN = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
POLL_SECONDS = 0.3


async def create(store: Store, client: Client, spec: TaskSpec) -> TaskRecord:
    """Writes the task and starts its workflow; raises BadInput before anything is written.

    Outside a maintenance window, or in a freeze, the task is postponed to the next window, and its
    audit log says so.
    """
    record, found = build_scheduled_task(store, build_draft(spec), spec.plan)
    store.tasks.create(record, spec.plan)
    by = spec.created_by
    record_creation(store, record, found, requested_at=spec.at, code=TaskEventCode.CREATED, by=by)
    try:
        await start(store, client, record)
    except WorkflowAlreadyStartedError:
        pass  # a worker that just started has found the row first
    except RPCError:
        store.tasks.delete(record.id, by, "Temporal refused it", datetime.now(UTC))
        raise
    return record


async def start_unstarted(store: Store, client: Client) -> int:
    """Starts the workflow of each task that is stored without one; returns their number.

    A client may have been killed between the two steps. Each worker calls this once at its start.
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
    """Starts the workflow of a stored task; WorkflowAlreadyStartedError if it has one."""
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
        waves=max(1, len(store.tasks.outcomes.list_wave_tallies(record.id))),
    )
    await register_search_attributes(client)  # a new server has none until a worker ran
    await client.start_workflow(
        DeploymentTask.run,
        task,
        id=build_workflow_id(record.id),
        task_queue=TASK_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=search_attributes.build_initial_attributes(task),
        static_summary=f"{record.name}: {record.tally.total} resources",
        static_details=f"by {record.created_by}, plan {record.digest[:12]}, "
        f"quota {record.cost}, open for rollback until {record.rollback_until:%Y-%m-%d}",
    )


async def reschedule(client: Client, record: TaskRecord, at: datetime) -> datetime:
    """Sets another time for a waiting task; BadInput if it no longer waits."""
    _refuse_draft(record, f"Give it another time: certroll task edit {record.id} --at TIME.")
    moved: datetime = await _update(
        client, record, DeploymentTask.reschedule, RescheduleRequest(at=at)
    )
    return moved


async def proceed(client: Client, record: TaskRecord, reason: str, by: str) -> int:
    """Opens the gate; returns the next wave's number, from 1. BadInput if it is not at a gate."""
    _refuse_draft(record, f"Submit it: certroll task submit {record.id}.")
    request = ProceedRequest(reason=reason, requested_by=by)
    wave: int = await _update(client, record, DeploymentTask.proceed, request)
    return wave


async def stop(client: Client, record: TaskRecord, reason: str, by: str) -> None:
    """Starts no further change and skips the rest. BadInput if the task does not deploy."""
    _refuse_draft(record, f"Delete it: certroll task delete {record.id}.")
    request = StopRequest(reason=reason, requested_by=by)
    await _update(client, record, DeploymentTask.stop, request)


async def retry(
    client: Client, record: TaskRecord, resources: Sequence[str] | None, reason: str, by: str
) -> None:
    """Retries failed changes, of these resources (ids) or of the whole task."""
    _refuse_draft(record, "No change of it has failed.")
    request = RetryRequest(
        resources=None if resources is None else tuple(resources), reason=reason, requested_by=by
    )
    await _signal(client, record, "retry", request)


async def cancel(client: Client, record: TaskRecord, reason: str, by: str) -> None:
    """Starts no further change; BadInput for a task that has ended."""
    _refuse_draft(record, f"Delete it: certroll task delete {record.id}.")
    if record.status not in (TaskStatus.SCHEDULED, TaskStatus.RUNNING):
        raise BadInput(
            f"the task is {record.status.value}, no change of it waits",
            where=f"task {record.id}",
            fix="To undo deployed changes run `certroll task rollback`.",
            code="task-ended",
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
    """Rolls back these resources (ids) or the whole task.

    With `force` also to certificates that have expired meanwhile.
    """
    _refuse_draft(record, "No change of it was deployed.")
    request = RollbackRequest(
        resources=None if resources is None else tuple(resources),
        reason=reason,
        requested_by=by,
        force=force,
    )
    await _signal(client, record, "rollback", request)


async def delete(store: Store, client: Client, record: TaskRecord, reason: str, by: str) -> None:
    """Cancels waiting changes, refunds their quota and closes the task; deployed changes stay."""
    request = DeleteRequest(reason=reason, requested_by=by)
    try:
        await _handle(client, record).signal("delete", request)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        store.tasks.delete(record.id, by, reason, datetime.now(UTC))


async def progress(client: Client, record: TaskRecord) -> Progress | None:
    """The workflow's progress; None if the server has removed the closed workflow."""
    try:
        return await _handle(client, record).query(DeploymentTask.progress)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def watch(
    store: Store, task_id: str, *, until: frozenset[TaskStatus] | None = None
) -> AsyncIterator[TaskRecord]:
    """The task after each change, until its status is in `until` (default: nothing runs)."""
    last: TaskRecord | None = None
    while True:
        record = await asyncio.to_thread(store.tasks.get, task_id)
        if record != last:
            last = record
            yield record
        ended = record.status in until if until else record.status not in OPEN
        if ended or record.deleted_at:
            return
        await asyncio.sleep(POLL_SECONDS)


def _handle(client: Client, record: TaskRecord) -> WorkflowHandle[DeploymentTask, TaskStatus]:
    return client.get_workflow_handle_for(DeploymentTask.run, build_workflow_id(record.id))


async def _update(client: Client, record: TaskRecord, update: Any, request: Value) -> Any:
    """The workflow's answer; BadInput if it refuses the update."""
    try:
        return await _handle(client, record).execute_update(update, request)
    except WorkflowUpdateFailedError as error:
        where = f"task {record.id}"
        if isinstance(error.cause, ApplicationError):  # its type is the code of the refusal
            code = error.cause.type or "request-refused"
            raise BadInput(error.cause.message, where=where, code=code) from None
        raise BadInput(str(error), where=where, code="request-refused") from None
    except RPCError as error:
        raise _build_closed_error(record, error) from None


async def _signal(
    client: Client,
    record: TaskRecord,
    name: str,
    request: RollbackRequest | CancelRequest | RetryRequest,
) -> None:
    try:
        await _handle(client, record).signal(name, request)
    except RPCError as error:
        raise _build_closed_error(record, error) from None


def _refuse_draft(record: TaskRecord, fix: str) -> None:
    if record.status is TaskStatus.DRAFT:
        what = "the task is a draft, no change of it waits"
        raise BadInput(what, where=record.name, fix=fix, code="task-is-draft")


def _build_closed_error(record: TaskRecord, error: RPCError) -> Exception:
    if error.status is not RPCStatusCode.NOT_FOUND:
        return error
    return BadInput(
        "the task accepts no more requests: it was cancelled before it started, deleted, or its "
        f"rollback window ended ({record.rollback_until:%Y-%m-%d})",
        code="task-closed",
        where=f"task {record.id}",
        fix="Deploy the former certificate with a new task.",
    )
