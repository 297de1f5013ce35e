"""The rows that a task and its plan become."""

from typing import Any

from sqlmodel import Session, col, insert, select

from domain.plans.plan import Plan
from domain.rollout.assignment import assign
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus
from storage.lookup import unknown
from storage.statements import table
from storage.tables.core import ChangeRow, TaskCertificateRow, TaskRow


def task_row(session: Session, task_id: str, *, lock: bool = False) -> TaskRow:
    """The row of exactly this id; `BadInput` if there is none."""
    query = select(TaskRow).where(col(TaskRow.id) == task_id)
    row = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise unknown("task", task_id, session.exec(select(TaskRow.id)))
    return row


def fields(record: TaskRecord, plan: Plan) -> dict[str, Any]:
    """The columns of the task's own row."""
    return {
        **record.model_dump(
            exclude={"tally", "certificates", "contacts", "unproven", "draft", "rollout"}
        ),
        "rollout": rollout_value(record),
        "unproven": plan.unproven,
        "certificates": list(record.certificates),
        "contacts": list(record.contacts),
        "plan": plan.model_dump(mode="json", exclude={"changes"}),
        "draft": draft_value(record),
    }


def rollout_value(record: TaskRecord) -> dict[str, Any]:
    """The policy, as JSON."""
    return record.rollout.model_dump(mode="json")


def draft_value(record: TaskRecord) -> dict[str, Any] | None:
    """What a draft remembers, as JSON."""
    return None if record.draft is None else record.draft.model_dump(mode="json")


def add_parts(session: Session, record: TaskRecord, plan: Plan) -> None:
    """Adds what lies in tables of its own: the certificates, and one row per change.

    `BadInput` if the changes cannot go in the waves that the record asks for.
    """
    certificates = [
        {"fingerprint": each, "task_id": record.id} for each in sorted(set(record.certificates))
    ]
    _insert(session, TaskCertificateRow, certificates)
    _insert(session, ChangeRow, _change_values(record, plan))


def _change_values(record: TaskRecord, plan: Plan) -> list[dict[str, Any]]:
    waves = assign(plan.changes, record.rollout)
    return [
        {
            "task_id": record.id,
            "ordinal": ordinal,
            "resource_id": change.resource.id,
            "account": change.resource.account,
            "service": change.resource.service,
            "cost": change.cost,
            "after": change.after and change.after.fingerprint,
            "document": change.model_dump(mode="json"),
            "wave": wave,
            "round": 0,
            "status": OutcomeStatus.PENDING.value,
            "applied": False,
            "deployed": False,
            "attempts": 0,
        }
        for ordinal, (change, wave) in enumerate(zip(plan.changes, waves, strict=True))
    ]


def _insert(session: Session, row: type[Any], values: list[dict[str, Any]]) -> None:
    if values:
        session.execute(insert(table(row)), values)
