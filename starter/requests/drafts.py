"""Drafts, from the asking side: written without an engine, edited, and submitted in the end."""

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
from domain.rollout.assignment import default_rollout
from domain.rollout.policy import Rollout
from domain.rollout.text import brief
from domain.tasks.record import Draft, TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests.task_draft import check_draft, outline, schedule, told
from starter.requests.tasks import start
from storage.store import Store


class Edits(Value):
    """What shall be another; None leaves it as it is. A new plan comes with all that it is of."""

    name: str | None = None
    contacts: tuple[str, ...] | None = None
    at: datetime | None = None
    rollback_days: int | None = None
    concurrency: int | None = None
    rollout: Rollout | None = None
    plan: Plan | None = None
    plan_id: str | None = None
    wish: PlanRequest | None = None


class Edited(Value):
    """One thing that an edit changes."""

    what: str
    was: str
    now: str


def write(store: Store, draft: TaskRecord, plan: Plan) -> TaskRecord:
    """Keeps a new draft: it reserves no quota, and nothing of it is started."""
    check_draft(store, draft, plan)
    store.tasks.create(draft, plan)
    text = f"draft, plan {plan.digest[:12]}"
    store.tasks.event(draft.id, "created", draft.created_by, text, datetime.now(UTC))
    return draft


def check_is_draft(record: TaskRecord) -> None:
    """BadInput that says what may be done instead to a task that is no draft."""
    if record.deleted_at is not None:
        raise BadInput("the task is deleted", where=f"task {record.id}")
    if record.status is TaskStatus.DRAFT:
        return
    fix = "Make another one: certroll task create."
    if record.status is TaskStatus.SCHEDULED:
        fix = (
            f"Another time: certroll task reschedule {record.id} --at TIME. For all else delete it "
            f"(certroll task delete {record.id}) and create another."
        )
    raise BadInput(
        f"the task is {record.status.value.replace('_', ' ')}, only a draft can be edited",
        where=f"task {record.id}",
        fix=fix,
    )


def edit(store: Store, record: TaskRecord, edits: Edits, by: str) -> list[Edited]:
    """Edits a draft, and says what that changed."""
    check_is_draft(record)
    plan = edits.plan or store.tasks.plan(record.id)
    rollout = edits.rollout or rollout_with(store, record, edits.plan)
    changed = {**_changed(record, edits), "rollout": rollout}
    edited = outline(record.model_copy(update=changed), plan)
    changes = _told(record, edited)
    if not changes:
        return []
    check_draft(store, edited, plan)
    store.tasks.drafts.write(edited, plan)
    text = "; ".join(f"{each.what}: {each.was} -> {each.now}" for each in changes)
    store.tasks.event(record.id, "edited", by, text, datetime.now(UTC))
    return changes


def rollout_with(store: Store, record: TaskRecord, plan: Plan | None) -> Rollout:
    """The rollout of a draft once it has this plan; None is the one it has.

    It stays what it was, unless nobody asked for another one than goes for so many changes.
    """
    if plan is not None:
        former = store.tasks.plan(record.id).changes
        if record.rollout == default_rollout(former):
            return default_rollout(plan.changes)
    return record.rollout


async def submit(store: Store, client: Client, record: TaskRecord, by: str) -> TaskRecord:
    """Makes a draft a scheduled task and starts it, after checking all of it again.

    BadInput leaves the draft as it is, and so does an engine that does not take it.
    """
    if store.tasks.get(record.id) != record:
        check_is_draft(store.tasks.get(record.id))
        fix = "Look at it again, then submit it."
        raise BadInput("the draft was edited meanwhile", where=f"task {record.id}", fix=fix)
    plan = store.tasks.plan(record.id)
    scheduled, found = schedule(store, record, plan)
    store.tasks.drafts.write(scheduled, plan)
    try:
        await start(store, client, scheduled)
    except WorkflowAlreadyStartedError:
        pass  # a worker that just came up found the row and was quicker
    except RPCError:
        store.tasks.drafts.withdraw(record)
        raise
    told(store, scheduled, found, asked=record.at, kind="submitted", by=by)
    return scheduled


def _changed(record: TaskRecord, edits: Edits) -> dict[str, Any]:
    asked = record.draft or Draft(rollback_days=30)
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
        draft["wish"] = edits.wish
        draft["require_coverage"] = edits.wish is not None and edits.wish.require_coverage
    return {**changed, "draft": asked.model_copy(update=draft)}


def _told(was: TaskRecord, now: TaskRecord) -> list[Edited]:
    before, after = _facts(was), _facts(now)
    return [
        Edited(what=what, was=before[what], now=after[what])
        for what in after
        if before[what] != after[what]
    ]


def _facts(record: TaskRecord) -> dict[str, str]:
    return {
        "name": record.name,
        "contacts": _names(record.contacts),
        "time": record.at.isoformat(timespec="seconds"),
        "rollback days": str(record.draft.rollback_days if record.draft else ""),
        "concurrency": str(record.concurrency),
        "waves": brief(record.rollout),
        "plan": f"{record.digest[:12]} ({record.tally.total} changes, quota {record.cost})",
        "saved plan": record.plan_id or "none",
    }


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
