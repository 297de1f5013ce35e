"""Reserves quota for a task and skips its changes; activities/bookkeeping.py calls it."""

from collections.abc import Sequence
from datetime import datetime

from domain.cause import Cause
from domain.errors import BadInput
from storage.store import Store


def reserve_quota(store: Store, task_id: str, digest: str) -> None:
    """Reserves the cost of the plan; raises BadInput if the plan is not the previewed one."""
    plan = store.tasks.get_plan(task_id)
    if plan.digest != digest:
        raise BadInput(
            f"the stored plan has digest {plan.digest[:12]}, the previewed one {digest[:12]}",
            where=f"task {task_id}",
            fix="Create the plan again, and a new task of it.",
            code="plan-changed",
        )
    store.quota.reserve(task_id, plan.cost, store.tasks.get(task_id).created_at)


def skip_changes(
    store: Store, task_id: str, only: Sequence[str] | None, at: datetime, cause: Cause
) -> int:
    """Skips pending changes, of these resource ids or all; returns how many.

    If all are skipped, no attempt is under way any more: changes that were begun fail.
    """
    outcomes = store.tasks.outcomes
    if only is None:
        outcomes.fail_unfinished(task_id, at, cause)
    return outcomes.skip(task_id, only, at, cause)
