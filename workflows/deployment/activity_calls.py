"""The steps of a task: each activity with its patience and the line that the Web UI shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio import workflow

from workflows.policies import (
    ALL_ROWS,
    BOOKKEEPING,
    CHANGE,
    CLEAN_UP,
    INSTALL,
    INSTALLATIONS_PER_PAGE,
    LOOK_AGAIN,
    NOTIFY,
    ONE_ROW,
    ORDERS_PER_PAGE,
    PREFLIGHT,
)

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import Bookkeeping, OrdersAfter
    from activities.deployment import Deployment
    from activities.waves import Trying, Waves
    from domain.cause import Cause
    from domain.tasks.messages import ChangeOrder, Direction
    from domain.tasks.status import OutcomeStatus
    from operations.deployment.outcome import FailedChange

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import (
        Bookkeeping,
        FailedInstallation,
        InstallationsAfter,
        NamedResources,
        Skip,
        StatusChange,
        TaskAt,
        TaskRef,
    )
    from activities.calendar import Openings
    from activities.cleanup import Cleanup
    from activities.deployment import Deployment
    from activities.notifications import Notice, Notifications
    from activities.preflight import Preflight, Preflighted
    from activities.reverification import LookAgain, SecondLook, Verification
    from activities.waves import Reopening, WaveRef, Waves
    from domain.calendar.windows import Opening
    from domain.cause import Cause
    from domain.rollout.stage import WaveFacts
    from domain.tasks.messages import Installation
    from domain.tasks.record import TaskEvent
    from domain.tasks.retry import Reopened
    from domain.tasks.status import Tally, TaskStatus


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


async def reserve(task_id: str, digest: str) -> None:
    """Reserves quota for the previewed plan."""
    await workflow.execute_activity_method(
        Bookkeeping.reserve,
        TaskRef(task_id=task_id, digest=digest),
        summary="reserve quota",
        **ALL_ROWS,
    )


async def settle(task_id: str) -> Tally:
    """Charges and refunds, and counts."""
    return await workflow.execute_activity_method(
        Bookkeeping.settle,
        TaskAt(task_id=task_id, at=workflow.now()),
        summary="charge what was deployed, refund the rest",
        **BOOKKEEPING,
    )


async def tally(task_id: str) -> Tally:
    """Counts the outcomes."""
    return await workflow.execute_activity_method(
        Bookkeeping.tally, task_id, summary="count outcomes", **BOOKKEEPING
    )


async def may_begin(task_id: str, now: datetime) -> Opening:
    """When changes may begin: now, or the next opening, to which the task is then moved."""
    return await workflow.execute_activity_method(
        Openings.may_begin,
        TaskAt(task_id=task_id, at=now),
        summary="look at windows and freezes",
        **BOOKKEEPING,
    )


async def preflight(task_id: str) -> Preflighted:
    """Looks at all that the task needs, and fails what must not be done."""
    return await workflow.execute_activity_method(
        Preflight.preflight,
        TaskAt(task_id=task_id, at=workflow.now()),
        summary="check everything before the first change",
        **PREFLIGHT,
    )


async def installations(task_id: str, after: int) -> list[Installation]:
    """The next certificates that must be installed before the first change."""
    return await workflow.execute_activity_method(
        Bookkeeping.installations,
        InstallationsAfter(task_id=task_id, after=after, limit=INSTALLATIONS_PER_PAGE),
        summary="list certificates to install",
        **BOOKKEEPING,
    )


async def install(wanted: Installation) -> None:
    """Puts one certificate into one store."""
    await workflow.execute_activity_method(
        Deployment.install, wanted, summary=f"install {wanted.label}", **INSTALL
    )


async def clean_up(task_id: str) -> int:
    """Removes former certificates that nobody needs; how many."""
    return await workflow.execute_activity_method(
        Cleanup.clean_up,
        TaskAt(task_id=task_id, at=workflow.now()),
        summary="remove former certificates that nobody needs",
        **CLEAN_UP,
    )


async def fail_installation(wanted: Installation, cause: Cause) -> None:
    """Fails what needed a certificate that could not be installed."""
    await workflow.execute_activity_method(
        Bookkeeping.fail_installation,
        FailedInstallation(installation=wanted, cause=cause, at=workflow.now()),
        summary=f"fail what needs {wanted.label}",
        **BOOKKEEPING,
    )


async def wave_facts(task_id: str, turn: int, wave: int) -> WaveFacts:
    """How a wave stands against its budget of failures."""
    return await workflow.execute_activity_method(
        Waves.wave_facts,
        WaveRef(task_id=task_id, round=turn, wave=wave),
        summary=f"count the failures of wave {wave + 1}",
        **BOOKKEEPING,
    )


async def reopen(task_id: str, turn: int, only: tuple[str, ...] | None) -> Reopened:
    """Lets what failed wait again, with quota reserved for it."""
    return await workflow.execute_activity_method(
        Waves.reopen,
        Reopening(task_id=task_id, round=turn, only=only, at=workflow.now()),
        summary="reserve quota for what is tried once more",
        **ALL_ROWS,
    )


async def look_again(task_id: str, wave: int | None = None) -> SecondLook:
    """Looks once more at what was deployed, in one wave or in all; what is gone fails."""
    return await workflow.execute_activity_method(
        Verification.look_again,
        LookAgain(task_id=task_id, wave=wave, at=workflow.now()),
        summary="look again" if wave is None else f"look again at wave {wave}",
        **LOOK_AGAIN,
    )


async def skip(task_id: str, cause: Cause, only: tuple[str, ...] | None = None) -> int:
    """Gives up changes that were not begun."""
    return await workflow.execute_activity_method(
        Bookkeeping.skip,
        Skip(task_id=task_id, cause=cause, at=workflow.now(), only=only),
        summary="skip what was not begun",
        **BOOKKEEPING,
    )


async def unknown_resources(task_id: str, resources: Sequence[str]) -> list[str]:
    """Those of the named resources that are none of the task's."""
    return await workflow.execute_activity_method(
        Bookkeeping.unknown_resources,
        NamedResources(task_id=task_id, resources=tuple(resources)),
        summary="check the named resources",
        **BOOKKEEPING,
    )


async def record_status(task_id: str, status: TaskStatus) -> None:
    """Writes the task's status."""
    await workflow.execute_activity_method(
        Bookkeeping.record_status,
        StatusChange(task_id=task_id, status=status, at=workflow.now()),
        summary=f"record status {status}",
        **BOOKKEEPING,
    )


async def record_time(task_id: str, at: datetime) -> None:
    """Writes the new time of a waiting task."""
    await workflow.execute_activity_method(
        Bookkeeping.record_time,
        TaskAt(task_id=task_id, at=at),
        summary="record the new time",
        **BOOKKEEPING,
    )


async def record_event(task_id: str, kind: str, by: str, text: str) -> None:
    """Adds a line to the audit."""
    await workflow.execute_activity_method(
        Bookkeeping.record_event,
        TaskEvent(task_id=task_id, at=workflow.now(), kind=kind, by=by, text=text),
        summary=f"record {kind}",
        **BOOKKEEPING,
    )


async def delete(task_id: str, by: str, reason: str) -> None:
    """Marks the task as deleted."""
    await workflow.execute_activity_method(
        Bookkeeping.delete,
        TaskEvent(task_id=task_id, at=workflow.now(), kind="delete", by=by, text=reason),
        summary="mark as deleted",
        **BOOKKEEPING,
    )


async def notify(task_id: str, event: str, contact: str) -> None:
    """Tells one contact of one event."""
    await workflow.execute_activity_method(
        Notifications.notify,
        Notice(task_id=task_id, event=event, contact=contact),
        summary=f"tell {contact}",
        **NOTIFY,
    )


async def give_up_notice(task_id: str, event: str, contact: str) -> None:
    """Records that a contact could not be told."""
    await workflow.execute_activity_method(
        Notifications.give_up,
        Notice(task_id=task_id, event=event, contact=contact),
        summary=f"record that {contact} was not told",
        **BOOKKEEPING,
    )
