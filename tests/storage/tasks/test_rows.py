"""Every field of an outcome comes from its row: none silently keeps its default."""

from sqlalchemy import select, update

from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from storage.tasks.outcome_statements import CHANGE
from storage.tasks.rows import to_outcome_record
from tests.support.stored_examples import CAUSE, LATER, NOW, create_task

VALUES = {
    "wave": 3,
    "status": OutcomeStatus.FAILED.value,
    "applied": True,
    "attempts": 7,
    "cause": CAUSE.model_dump(mode="json"),
    "started_at": NOW,
    "ended_at": LATER,
}


def test_every_field_of_an_outcome_is_read_from_its_row(store: Store) -> None:
    plan = create_task(store)
    expected = OutcomeRecord.model_validate(
        {"task_id": "task-1", "ordinal": 1, "change": plan.changes[1], **VALUES}
    )
    for name, field in OutcomeRecord.model_fields.items():
        assert field.is_required() or getattr(expected, name) != field.default, name
    with store.database.statements() as connection:
        row = CHANGE.c.ordinal == 1
        connection.execute(update(CHANGE).where(row).values(VALUES))
        (stored,) = connection.execute(select(CHANGE).where(row)).mappings()
    assert to_outcome_record(stored) == expected
    assert store.tasks.outcomes.get("task-1", 1) == expected
    assert store.reverification.list_chosen([("task-1", 1)]) == [expected]
