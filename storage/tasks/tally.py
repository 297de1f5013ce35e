"""Counts the outcomes of tasks by status, for `storage.tasks.tasks` and `outcomes`."""

from collections import defaultdict
from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from domain.tasks.status import Tally
from storage.statements import batches
from storage.tables.core import ChangeRow


def count_by_task(session: Session, task_ids: Sequence[str]) -> dict[str, Tally]:
    """The tally of each task; all zero for a task without changes."""
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for batch in batches(task_ids):
        query = (
            select(ChangeRow.task_id, ChangeRow.status, func.count())
            .where(col(ChangeRow.task_id).in_(batch))
            .group_by(col(ChangeRow.task_id), col(ChangeRow.status))
        )
        for task_id, status, count in session.exec(query):
            counted[task_id][status] = count
    return {task_id: Tally(**counted[task_id]) for task_id in task_ids}


def count_by_wave(session: Session, task_id: str) -> list[Tally]:
    """The tally of each wave, from wave 0; empty for a task without changes."""
    counted: dict[int, dict[str, int]] = defaultdict(dict)
    query = (
        select(ChangeRow.wave, ChangeRow.status, func.count())
        .where(col(ChangeRow.task_id) == task_id)
        .group_by(col(ChangeRow.wave), col(ChangeRow.status))
    )
    for wave, status, count in session.exec(query):
        counted[wave][status] = count
    return [Tally(**counted[wave]) for wave in range(max(counted, default=-1) + 1)]
