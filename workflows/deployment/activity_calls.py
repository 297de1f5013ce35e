"""Calls each activity of a task with its timeouts and its summary for the Web UI.

Called by all modules of workflows/deployment.
"""

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
    NOTIFY,
    ONE_ROW,
    ORDERS_PER_PAGE,
    PREFLIGHT,
    REVERIFY,
)

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import (
        BookkeepingActivities,
        FailedInstallation,
        InstallationPage,
        OrderPage,
        ResourceSelection,
        SkipRequest,
        StatusChange,
        TaskAt,
        TaskRef,
    )
    from activities.calendar import CalendarActivities
    from activities.cleanup import CleanupActivities
    from activities.deployment import DeploymentActivities
    from activities.notifications import NotificationActivities, NotificationRequest
    from activities.preflight import PreflightActivities
    from activities.reverification import ReverificationActivities, ReverificationRequest
    from activities.waves import ReopenRequest, RetriedChange, WaveActivities, WaveRef
    from domain.calendar.windows import AllowedStart
    from domain.cause import Cause
    from domain.rollout.stage import WaveFacts
    from domain.tasks.audit import TaskEvent, TaskEventCode
    from domain.tasks.messages import ChangeOrder, Direction, Installation
    from domain.tasks.retry import ReopenedChanges
    from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
    from operations.deployment.outcome import FailedChange
    from operations.preflight.task_preflight import PreflightSummary
    from operations.verification.reverification import ReverificationCounts


VERB = {Direction.DEPLOY: "deploy", Direction.ROLL_BACK: "roll back"}


def build_order_page(task_id: str, direction: Direction, after: int, **which: Any) -> OrderPage:
    """The request for the first page of a fan-out; `which` are further fields of it."""
    return OrderPage(
        task_id=task_id, after=after, limit=ORDERS_PER_PAGE, direction=direction, **which
    )


async def list_orders(wanted: OrderPage) -> list[ChangeOrder]:
    return await workflow.execute_activity_method(
        BookkeepingActivities.list_orders,
        wanted,
        summary=f"next resources to {VERB[wanted.direction]}",
        **BOOKKEEPING,
    )


async def record_retry_cause(order: ChangeOrder, cause: Cause) -> None:
    await workflow.execute_activity_method(
        WaveActivities.record_retried_change,
        RetriedChange(task_id=order.task_id, ordinal=order.ordinal, cause=cause),
        summary=f"record why {order.label} is retried",
        **ONE_ROW,
    )


async def make_change(order: ChangeOrder) -> OutcomeStatus | None:
    """Makes one change with one series of attempts; None if its outcome was known already."""
    return await workflow.execute_activity_method(
        DeploymentActivities.deploy,
        order,
        summary=f"{VERB[order.direction]} {order.label}",
        **CHANGE,
    )


async def record_failure(order: ChangeOrder, cause: Cause) -> None:
    await workflow.execute_activity_method(
        DeploymentActivities.record_failure,
        FailedChange(order=order, cause=cause),
        summary=f"record failure of {order.label}",
        **ONE_ROW,
    )


async def reserve_quota(task_id: str, digest: str) -> None:
    await workflow.execute_activity_method(
        BookkeepingActivities.reserve_quota,
        TaskRef(task_id=task_id, digest=digest),
        summary="reserve quota",
        **ALL_ROWS,
    )


async def settle_quota(task_id: str) -> Tally:
    """Charges deployed changes, refunds the rest, and counts the outcomes."""
    return await workflow.execute_activity_method(
        BookkeepingActivities.settle_quota,
        TaskAt(task_id=task_id, at=workflow.now()),
        summary="charge deployed changes, refund the rest",
        **BOOKKEEPING,
    )


async def count_outcomes(task_id: str) -> Tally:
    return await workflow.execute_activity_method(
        BookkeepingActivities.count_outcomes, task_id, summary="count outcomes", **BOOKKEEPING
    )


async def postpone_to_allowed_start(task_id: str, now: datetime) -> AllowedStart:
    """When changes may start: now, or in the next window, to which the task is then postponed."""
    return await workflow.execute_activity_method(
        CalendarActivities.find_start,
        TaskAt(task_id=task_id, at=now),
        summary="check maintenance windows and freezes",
        **BOOKKEEPING,
    )


async def run_preflight(task_id: str) -> PreflightSummary:
    """Runs all preflight checks and fails the changes that a check refuses."""
    return await workflow.execute_activity_method(
        PreflightActivities.run_preflight,
        TaskAt(task_id=task_id, at=workflow.now()),
        summary="preflight",
        **PREFLIGHT,
    )


async def list_installations(task_id: str, after: int) -> list[Installation]:
    """The next page of certificates to install before the first change."""
    return await workflow.execute_activity_method(
        BookkeepingActivities.list_installations,
        InstallationPage(task_id=task_id, after=after, limit=INSTALLATIONS_PER_PAGE),
        summary="list certificates to install",
        **BOOKKEEPING,
    )


async def install(wanted: Installation) -> None:
    await workflow.execute_activity_method(
        DeploymentActivities.install, wanted, summary=f"install {wanted.label}", **INSTALL
    )


async def clean_up(task_id: str) -> int:
    """Deletes former certificates that no resource needs; returns their number."""
    return await workflow.execute_activity_method(
        CleanupActivities.clean_up,
        TaskAt(task_id=task_id, at=workflow.now()),
        summary="delete former certificates that no resource needs",
        **CLEAN_UP,
    )


async def fail_installation(wanted: Installation, cause: Cause) -> None:
    """Fails the changes that need a certificate which could not be installed."""
    await workflow.execute_activity_method(
        BookkeepingActivities.fail_installation,
        FailedInstallation(installation=wanted, cause=cause, at=workflow.now()),
        summary=f"fail the changes that need {wanted.label}",
        **BOOKKEEPING,
    )


async def get_wave_facts(task_id: str, round_number: int, wave: int) -> WaveFacts:
    """The failures of a wave and its failure budget."""
    return await workflow.execute_activity_method(
        WaveActivities.get_wave_facts,
        WaveRef(task_id=task_id, round=round_number, wave=wave),
        summary=f"count the failures of wave {wave + 1}",
        **BOOKKEEPING,
    )


async def reopen(task_id: str, round_number: int, only: tuple[str, ...] | None) -> ReopenedChanges:
    """Makes failed changes pending again and reserves quota for them."""
    return await workflow.execute_activity_method(
        WaveActivities.reopen_changes,
        ReopenRequest(task_id=task_id, round=round_number, only=only, at=workflow.now()),
        summary="reserve quota for the retry",
        **ALL_ROWS,
    )


async def reverify(task_id: str, wave: int | None = None) -> ReverificationCounts:
    """Verifies deployed changes again, of one wave or of all; those no longer served fail."""
    return await workflow.execute_activity_method(
        ReverificationActivities.verify_again,
        ReverificationRequest(task_id=task_id, wave=wave, at=workflow.now()),
        summary="verify again" if wave is None else f"verify wave {wave + 1} again",
        **REVERIFY,
    )


async def skip(task_id: str, cause: Cause, only: tuple[str, ...] | None = None) -> int:
    """Skips changes that have not started; returns their number."""
    return await workflow.execute_activity_method(
        BookkeepingActivities.skip_changes,
        SkipRequest(task_id=task_id, cause=cause, at=workflow.now(), only=only),
        summary="skip changes that have not started",
        **BOOKKEEPING,
    )


async def find_unknown_resources(task_id: str, resources: Sequence[str]) -> list[str]:
    """The named resources that are not in the task."""
    return await workflow.execute_activity_method(
        BookkeepingActivities.find_unknown_resources,
        ResourceSelection(task_id=task_id, resources=tuple(resources)),
        summary="check the named resources",
        **BOOKKEEPING,
    )


async def record_status(task_id: str, status: TaskStatus) -> None:
    await workflow.execute_activity_method(
        BookkeepingActivities.record_status,
        StatusChange(task_id=task_id, status=status, at=workflow.now()),
        summary=f"record status {status}",
        **BOOKKEEPING,
    )


async def record_time(task_id: str, at: datetime) -> None:
    await workflow.execute_activity_method(
        BookkeepingActivities.record_time,
        TaskAt(task_id=task_id, at=at),
        summary="record the new time",
        **BOOKKEEPING,
    )


async def record_event(task_id: str, code: TaskEventCode, by: str, text: str) -> None:
    """Adds an event to the task's audit log."""
    await workflow.execute_activity_method(
        BookkeepingActivities.record_event,
        TaskEvent(task_id=task_id, at=workflow.now(), code=code, by=by, text=text),
        summary=f"record {code.value}",
        **BOOKKEEPING,
    )


async def delete(task_id: str, by: str, reason: str) -> None:
    await workflow.execute_activity_method(
        BookkeepingActivities.delete_task,
        TaskEvent(
            task_id=task_id, at=workflow.now(), code=TaskEventCode.DELETED, by=by, text=reason
        ),
        summary="mark as deleted",
        **BOOKKEEPING,
    )


async def notify(task_id: str, event: str, contact: str) -> None:
    """Sends one notification to one contact."""
    await workflow.execute_activity_method(
        NotificationActivities.notify,
        NotificationRequest(task_id=task_id, event=event, contact=contact),
        summary=f"notify {contact}",
        **NOTIFY,
    )


async def record_failed_notice(task_id: str, event: str, contact: str) -> None:
    """Records that a notification could not be delivered."""
    await workflow.execute_activity_method(
        NotificationActivities.record_undelivered,
        NotificationRequest(task_id=task_id, event=event, contact=contact),
        summary=f"record that {contact} was not notified",
        **BOOKKEEPING,
    )
