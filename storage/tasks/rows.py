"""Converts tasks, plans and outcomes to rows and back, for the other modules of this folder."""

from typing import Any

from sqlalchemy import RowMapping
from sqlmodel import Session, col, insert, select

from domain.errors import BadInput
from domain.plans.plan import Change, Plan
from domain.rollout.assignment import assign_waves
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import OutcomeStatus
from storage.lookup import build_unknown_error
from storage.statements import get_table
from storage.tables.core import ChangeRow, TaskCertificateRow, TaskRow


def get_task_row(session: Session, task_id: str, *, lock: bool = False) -> TaskRow:
    """The row of a task; raises `BadInput` ("unknown-task") if there is none."""
    query = select(TaskRow).where(col(TaskRow.id) == task_id)
    row = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise build_unknown_error("task", task_id, session.exec(select(TaskRow.id)))
    return row


def build_name_taken_error(name: str) -> BadInput:
    """The error for a task whose name another task has."""
    return BadInput(
        f"there is already a task named {name!r}", fix="Choose another name.", code="name-taken"
    )


def to_outcome_record(row: RowMapping) -> OutcomeRecord:
    """The outcome in a row of the table `change`; each field has a column of its name."""
    values = {name: row[name] for name in OutcomeRecord.model_fields if name != "change"}
    return OutcomeRecord(**values, change=Change.model_validate(row["document"]))


def to_columns(record: TaskRecord, plan: Plan) -> dict[str, Any]:
    """The columns of the row of a task."""
    return {
        **record.model_dump(
            exclude={"tally", "certificates", "contacts", "unverifiable", "draft", "rollout"}
        ),
        "rollout": to_rollout_json(record),
        "unverifiable": plan.unverifiable,
        "certificates": list(record.certificates),
        "contacts": list(record.contacts),
        "plan": plan.model_dump(mode="json", exclude={"changes"}),
        "draft": to_draft_json(record),
    }


def to_rollout_json(record: TaskRecord) -> dict[str, Any]:
    return record.rollout.model_dump(mode="json")


def to_draft_json(record: TaskRecord) -> dict[str, Any] | None:
    return None if record.draft is None else record.draft.model_dump(mode="json")


def add_parts(session: Session, record: TaskRecord, plan: Plan) -> None:
    """Adds the task's rows in other tables: one for each certificate and each change.

    Raises `BadInput` if the rollout policy's waves do not fit the changes.
    """
    certificates = [
        {"fingerprint": each, "task_id": record.id} for each in sorted(set(record.certificates))
    ]
    _insert(session, TaskCertificateRow, certificates)
    _insert(session, ChangeRow, _change_values(record, plan))


def _change_values(record: TaskRecord, plan: Plan) -> list[dict[str, Any]]:
    waves = assign_waves(plan.changes, record.rollout)
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
        session.execute(insert(get_table(row)), values)
