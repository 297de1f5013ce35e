"""Saves, edits and submits drafts of tasks. Called by the CLI.

Only submitting needs Temporal.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import BadInput
from domain.model import Value
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.rollout.assignment import build_default_policy
from domain.rollout.policy import RolloutPolicy
from domain.rollout.summary import format_policy
from domain.tasks.audit import TaskEventCode
from domain.tasks.record import DraftRequest, TaskRecord
from domain.tasks.spec import DEFAULT_ROLLBACK_DAYS, TaskSpec
from domain.tasks.status import TaskStatus
from starter.requests.task_draft import (
    build_draft,
    build_scheduled_task,
    check_draft,
    check_time,
    record_creation,
    with_plan,
)
from starter.requests.tasks import start
from storage.store import Store


class Edits(Value):
    """New values of a draft; None keeps the old one. `plan_request`, `plan_id` go with `plan`."""

    name: str | None = None
    contacts: tuple[str, ...] | None = None
    at: datetime | None = None
    rollback_days: int | None = None
    concurrency: int | None = None
    rollout: RolloutPolicy | None = None
    plan: Plan | None = None
    plan_id: str | None = None
    plan_request: PlanRequest | None = None


class FieldChange(Value):
    """One field that an edit changes, as text."""

    what: str
    was: str
    now: str


def save(store: Store, spec: TaskSpec) -> TaskRecord:
    """Saves a new draft; it reserves no quota and starts no workflow."""
    draft = build_draft(spec)
    check_draft(store, draft, spec.plan)
    store.tasks.create(draft, spec.plan)
    text = f"draft, plan {draft.digest[:12]}"
    store.tasks.add_event(
        draft.id, TaskEventCode.CREATED, draft.created_by, text, datetime.now(UTC)
    )
    return draft


def check_is_draft(record: TaskRecord) -> None:
    """BadInput if the task is not a draft, with what can be done instead."""
    if record.deleted_at is not None:
        raise BadInput("the task is deleted", where=f"task {record.id}", code="task-deleted")
    if record.status is TaskStatus.DRAFT:
        return
    fix = "Create another task: certroll task create."
    if record.status is TaskStatus.SCHEDULED:
        fix = (
            f"For another time: certroll task reschedule {record.id} --at TIME. Else delete it "
            f"(certroll task delete {record.id}) and create another."
        )
    raise BadInput(
        f"the task is {record.status.value.replace('_', ' ')}, only a draft can be edited",
        where=f"task {record.id}",
        code="not-a-draft",
        fix=fix,
    )


def edit(store: Store, record: TaskRecord, edits: Edits, by: str) -> list[FieldChange]:
    """Edits a draft; returns what changed."""
    check_is_draft(record)
    if edits.at is not None:
        check_time(edits.at)
    plan = edits.plan or store.tasks.get_plan(record.id)
    rollout = edits.rollout or get_rollout_with_plan(store, record, edits.plan)
    changed = {**_apply_edits(record, edits), "rollout": rollout}
    edited = with_plan(record.model_copy(update=changed), plan)
    changes = _list_changes(record, edited)
    if not changes:
        return []
    check_draft(store, edited, plan)
    store.tasks.drafts.save(edited, plan)
    text = "; ".join(f"{each.what}: {each.was} -> {each.now}" for each in changes)
    store.tasks.add_event(record.id, TaskEventCode.EDITED, by, text, datetime.now(UTC))
    return changes


def get_rollout_with_plan(store: Store, record: TaskRecord, plan: Plan | None) -> RolloutPolicy:
    """The rollout policy of a draft with this plan; None is the draft's own plan.

    A default policy follows the number of changes; any other one stays.
    """
    if plan is not None:
        former = store.tasks.get_plan(record.id).changes
        if record.rollout == build_default_policy(former):
            return build_default_policy(plan.changes)
    return record.rollout


async def submit(store: Store, client: Client, record: TaskRecord, by: str) -> TaskRecord:
    """Checks a draft again, makes it a scheduled task and starts its workflow.

    On BadInput, or if Temporal refuses it, the draft stays as it is.
    """
    if store.tasks.get(record.id) != record:
        check_is_draft(store.tasks.get(record.id))
        raise BadInput(
            "the draft was edited meanwhile",
            where=f"task {record.id}",
            fix="Look at it again, then submit it.",
            code="draft-changed",
        )
    plan = store.tasks.get_plan(record.id)
    scheduled, found = build_scheduled_task(store, record, plan)
    store.tasks.drafts.save(scheduled, plan)
    try:
        await start(store, client, scheduled)
    except WorkflowAlreadyStartedError:
        pass  # a worker that just started has found the row first
    except RPCError:
        store.tasks.drafts.revert_to_draft(record)
        raise
    record_creation(
        store, scheduled, found, requested_at=record.at, code=TaskEventCode.SUBMITTED, by=by
    )
    return scheduled


def _apply_edits(record: TaskRecord, edits: Edits) -> dict[str, Any]:
    request = record.draft or DraftRequest(rollback_days=DEFAULT_ROLLBACK_DAYS)
    draft: dict[str, Any] = {}
    if edits.rollback_days is not None:
        draft["rollback_days"] = edits.rollback_days
    changed: dict[str, Any] = {
        name: value
        for name in ("name", "contacts", "at", "concurrency")
        if (value := getattr(edits, name)) is not None
    }
    if edits.plan is not None:
        changed["plan_id"] = edits.plan_id
        draft["plan_request"] = edits.plan_request
        draft["require_coverage"] = (
            edits.plan_request is not None and edits.plan_request.require_coverage
        )
    return {**changed, "draft": request.model_copy(update=draft)}


def _list_changes(was: TaskRecord, now: TaskRecord) -> list[FieldChange]:
    before, after = _format_fields(was), _format_fields(now)
    return [
        FieldChange(what=what, was=before[what], now=after[what])
        for what in after
        if before[what] != after[what]
    ]


def _format_fields(record: TaskRecord) -> dict[str, str]:
    return {
        "name": record.name,
        "contacts": _join_names(record.contacts),
        "time": record.at.isoformat(timespec="seconds"),
        "rollback days": str(record.draft.rollback_days if record.draft else ""),
        "concurrency": str(record.concurrency),
        "waves": format_policy(record.rollout),
        "plan": f"{record.digest[:12]} ({record.tally.total} changes, quota {record.cost})",
        "saved plan": record.plan_id or "none",
    }


def _join_names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
