"""Builds task records from specs, and checks what a task may not break before it is written.

Called by tasks.py and drafts.py.
"""

import secrets
from datetime import UTC, datetime, timedelta

from domain.calendar.windows import AllowedStart
from domain.errors import BadInput
from domain.plans.builder import check_not_empty
from domain.plans.plan import Plan
from domain.plans.quota import check_reservation
from domain.plans.rules import check_contacts
from domain.plans.submission import check_submission
from domain.rollout.assignment import build_default_policy, check_policy
from domain.tasks.audit import TaskEventCode
from domain.tasks.messages import is_task_time
from domain.tasks.record import DraftRequest, TaskRecord
from domain.tasks.spec import DEFAULT_ROLLBACK_DAYS, TaskSpec
from domain.tasks.status import Tally, TaskStatus
from operations.planning.planner import load_traits
from starter.requests import calendar
from storage.store import Store


def build_task_id(now: datetime) -> str:
    """An id like 20261124-1a2b3c: it sorts by time, and cannot be guessed in bulk."""
    return f"{now:%Y%m%d}-{secrets.token_hex(3)}"


def build_draft(spec: TaskSpec) -> TaskRecord:
    """A draft with an id of its own; nothing is checked and nothing is written yet."""
    check_time(spec.at)
    now = datetime.now(UTC)
    blank = TaskRecord(
        id=build_task_id(now),
        name=spec.name,
        status=TaskStatus.DRAFT,
        digest="",
        certificates=(),
        contacts=spec.contacts,
        at=spec.at,
        rollback_until=max(spec.at, now) + timedelta(days=spec.rollback_days),
        cost=0,
        concurrency=spec.concurrency,
        rollout=spec.rollout or build_default_policy(spec.plan.changes),
        checks=spec.checks,
        windows_ignored=spec.ignore_windows,
        plan_id=spec.plan_id,
        draft=DraftRequest(
            rollback_days=spec.rollback_days,
            require_coverage=spec.require_coverage,
            plan_request=spec.plan_request,
        ),
        created_at=now,
        created_by=spec.created_by,
    )
    return with_plan(blank, spec.plan)


def check_time(at: datetime) -> None:
    """Raises BadInput for a time that no task may have."""
    if not is_task_time(at):
        raise BadInput(
            f"{at.isoformat()} is no time for a task",
            where="--at",
            fix="Give a time in the years 2000 to 2199.",
            code="time-out-of-range",
        )


def with_plan(record: TaskRecord, plan: Plan) -> TaskRecord:
    """The draft `record` with this plan and all that follows from it."""
    return record.model_copy(
        update={
            "digest": plan.digest,
            "certificates": plan.certificates,
            "cost": plan.cost,
            "unverifiable": plan.unverifiable,
            "tally": Tally(pending=len(plan.changes)),
        }
    )


def check_draft(store: Store, record: TaskRecord, plan: Plan) -> None:
    """Checks what does not depend on the start; BadInput before anything is written."""
    check_not_empty(plan)
    check_policy(plan.changes, record.rollout)
    check_contacts(record.contacts)
    for contact in record.contacts:
        store.contacts.get(contact)


def build_scheduled_task(
    store: Store, record: TaskRecord, plan: Plan
) -> tuple[TaskRecord, AllowedStart]:
    """The draft as a scheduled task, at its time or in the next maintenance window after it.

    BadInput if it breaks a rule, names an unknown contact, or exceeds the quota.
    """
    now = datetime.now(UTC)
    request = record.draft or DraftRequest(rollback_days=DEFAULT_ROLLBACK_DAYS)
    found = AllowedStart(at=record.at)
    if record.windows_ignored is None:
        found = calendar.find_allowed_start(store, plan, record.at, now)
    begins = max(found.at, now)
    check_draft(store, record, plan)
    _check_rules(store, plan, begins, require_coverage=request.require_coverage)
    check_reservation(plan.cost, store.quota.get_balance())
    times = {"at": found.at, "rollback_until": begins + timedelta(days=request.rollback_days)}
    changed = {"status": TaskStatus.SCHEDULED, "draft": None, **times}
    return record.model_copy(update=changed), found


def record_creation(
    store: Store,
    record: TaskRecord,
    found: AllowedStart,
    *,
    requested_at: datetime,
    code: TaskEventCode,
    by: str,
) -> None:
    """Records in the audit log which plan the task has, and why its time is not the asked one."""
    now, ignored = datetime.now(UTC), record.windows_ignored
    saved = f", saved as {record.plan_id}" if record.plan_id else ""
    store.tasks.add_event(record.id, code, by, f"plan {record.digest[:12]}{saved}", now)
    calendar.record_start_time(
        store, record.id, found, requested_at=requested_at, ignored=ignored, by=by, now=now
    )


def _check_rules(store: Store, plan: Plan, at: datetime, *, require_coverage: bool) -> None:
    certificates = [store.certificates.get(fingerprint) for fingerprint in plan.certificates]
    traits = load_traits(change.resource.service for change in plan.changes)
    check_submission(plan, certificates, traits, at, require_coverage=require_coverage)
