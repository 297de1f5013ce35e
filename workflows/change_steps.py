"""The steps of single changes: each activity with its patience and the line of the Web UI."""

from typing import Any

from temporalio import workflow

from workflows.policies import BOOKKEEPING, CHANGE, ONE_ROW, ORDERS_PER_PAGE

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import Bookkeeping, OrdersAfter
    from activities.deployment import Deployment
    from activities.endings import FailedChange
    from activities.waves import Trying, Waves
    from domain.status import OutcomeStatus
    from domain.task import Cause, ChangeOrder, Direction

VERB = {Direction.DEPLOY: "deploy", Direction.ROLL_BACK: "roll back"}


def wanted(task_id: str, direction: Direction, after: int, **which: Any) -> OrdersAfter:
    """What a fan-out asks for; `which` are the other fields of `OrdersAfter`."""
    return OrdersAfter(
        task_id=task_id, after=after, limit=ORDERS_PER_PAGE, direction=direction, **which
    )


async def orders(wanted: OrdersAfter) -> list[ChangeOrder]:
    """The next page of changes to make."""
    return await workflow.execute_activity_method(
        Bookkeeping.orders,
        wanted,
        summary=f"next resources to {VERB[wanted.direction]}",
        **BOOKKEEPING,
    )


async def still_trying(order: ChangeOrder, cause: Cause) -> None:
    """Writes down why a change is tried again later."""
    await workflow.execute_activity_method(
        Waves.still_trying,
        Trying(task_id=order.task_id, ordinal=order.ordinal, cause=cause),
        summary=f"note why {order.label} is tried again",
        **ONE_ROW,
    )


async def change(order: ChangeOrder) -> OutcomeStatus | None:
    """Makes one change, with the attempts of one turn; what it has become, None: known already."""
    return await workflow.execute_activity_method(
        Deployment.deploy, order, summary=f"{VERB[order.direction]} {order.label}", **CHANGE
    )


async def record_failure(order: ChangeOrder, cause: Cause) -> None:
    """Records that a change is given up."""
    await workflow.execute_activity_method(
        Deployment.record_failure,
        FailedChange(order=order, cause=cause),
        summary=f"record failure of {order.label}",
        **ONE_ROW,
    )
