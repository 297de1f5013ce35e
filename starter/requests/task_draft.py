"""From what someone asks for to a task that may be written: all that is checked before that."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from domain.calendar.windows import Opening
from domain.plans.builder import refuse_empty
from domain.plans.plan import Plan
from domain.plans.quota import check_reservation
from domain.plans.rules import check_contacts
from domain.plans.submission import check_submission
from domain.preflight.checks import NO_CHECKS, Policy
from domain.rollout.assignment import check_rollout, default_rollout
from domain.rollout.policy import Rollout
from domain.tasks.record import Draft, TaskRecord
from domain.tasks.status import Tally, TaskStatus
from operations.planning.planner import traits_of
from starter.requests import calendar
from storage.store import Store


def new_id(now: datetime) -> str:
    """Sorts by time, is easy to read out loud, and is not guessable in bulk: 20261124-1a2b3c."""
    return f"{now:%Y%m%d}-{secrets.token_hex(3)}"


def drafted(
    *,
    name: str,
    plan: Plan,
    contacts: Sequence[str],
    at: datetime,
    created_by: str,
    asked: Draft,
    concurrency: int = 100,
    rollout: Rollout | None = None,
    checks: Mapping[str, Policy] = NO_CHECKS,
    ignore_windows: str | None = None,
    plan_id: str | None = None,
) -> TaskRecord:
    """A draft with an id of its own; nothing is checked and nothing is written yet.

    Without a `rollout` it has the one that goes for so many changes.
    """
    now = datetime.now(UTC)
    blank = TaskRecord(
        id=new_id(now),
        name=name,
        status=TaskStatus.DRAFT,
        digest="",
        certificates=(),
        contacts=tuple(contacts),
        at=at,
        rollback_until=max(at, now) + timedelta(days=asked.rollback_days),
        cost=0,
        concurrency=concurrency,
        rollout=default_rollout(plan.changes) if rollout is None else rollout,
        checks=dict(checks),
        windows_ignored=ignore_windows,
        plan_id=plan_id,
        draft=asked,
        created_at=now,
        created_by=created_by,
    )
    return outline(blank, plan)


def outline(record: TaskRecord, plan: Plan) -> TaskRecord:
    """The draft `record` with this plan."""
    return record.model_copy(
        update={
            "digest": plan.digest,
            "certificates": plan.certificates,
            "cost": plan.cost,
            "unproven": plan.unproven,
            "tally": Tally(pending=len(plan.changes)),
        }
    )


def check_draft(store: Store, record: TaskRecord, plan: Plan) -> None:
    """What does not depend on when it begins: BadInput before anything is written."""
    refuse_empty(plan)
    check_rollout(plan.changes, record.rollout)
    check_contacts(record.contacts)
    for contact in record.contacts:
        store.contacts.get(contact)


def schedule(store: Store, record: TaskRecord, plan: Plan) -> tuple[TaskRecord, Opening]:
    """The draft as a scheduled task, at its time or at the next opening after it.

    BadInput for whatever a task may not break: rules, contacts, quota.
    """
    now, asked = datetime.now(UTC), record.draft or Draft(rollback_days=30)
    found = Opening(at=record.at)
    if record.windows_ignored is None:
        found = calendar.opening(store, plan, record.at, now)
    begins = max(found.at, now)
    check_draft(store, record, plan)
    _check_rules(store, plan, begins, require_coverage=asked.require_coverage)
    check_reservation(plan.cost, store.quota.balance())
    times = {"at": found.at, "rollback_until": begins + timedelta(days=asked.rollback_days)}
    changed = {"status": TaskStatus.SCHEDULED, "draft": None, **times}
    return record.model_copy(update=changed), found


def told(
    store: Store, record: TaskRecord, found: Opening, *, asked: datetime, kind: str, by: str
) -> None:
    """Adds to its audit of which plan it is, and why its time is not the asked one."""
    now, ignored = datetime.now(UTC), record.windows_ignored
    saved = f", saved as {record.plan_id}" if record.plan_id else ""
    store.tasks.event(record.id, kind, by, f"plan {record.digest[:12]}{saved}", now)
    calendar.tell(store, record.id, found, asked=asked, ignored=ignored, by=by, now=now)


def _check_rules(store: Store, plan: Plan, at: datetime, *, require_coverage: bool) -> None:
    certificates = [store.certificates.get(fingerprint) for fingerprint in plan.certificates]
    traits = traits_of(change.resource.service for change in plan.changes)
    check_submission(plan, certificates, traits, at, require_coverage=require_coverage)
