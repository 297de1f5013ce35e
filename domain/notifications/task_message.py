"""The messages about a task: its outcome, the causes, what was done, and what the reader may do.

The notification activity builds them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.cause import Cause
from domain.model import Value
from domain.notifications.events import GATE, RETRYING, EventClass, NotificationEvent, parse_event
from domain.notifications.message import (
    MAX_CAUSE_LENGTH,
    MAX_NAME_LENGTH,
    CauseGroup,
    Message,
    RollbackSummary,
    join_examples,
    sanitize,
)
from domain.rollout.stage import format_wave_name
from domain.tasks.audit import CERTROLL, TaskEvent, TaskEventCode
from domain.tasks.record import TaskRecord
from domain.tasks.retry import may_retry
from domain.tasks.status import OutcomeStatus, Tally

MAX_GROUPS_SHOWN, MAX_GROUPS_LISTED, MAX_DONE_SHOWN = 12, 50, 5

_NOT_REPORTED = {
    TaskEventCode.NOTIFICATION_FAILED,
    TaskEventCode.CLEANUP,
    TaskEventCode.GATE_REACHED,
}
"""Events by certroll itself that a message does not list."""


class TaskSituation(Value):
    """All that storage knows of a task when its contacts get a message.

    `waves` are the tallies of its waves. `causes` group the outcomes that are not as planned, the
    largest group first, `retrying` the changes that are being retried. `unverified` counts changes
    that the service accepted and nothing verified. `audit` are the events of the task.
    """

    record: TaskRecord
    waves: tuple[Tally, ...] = ()
    causes: tuple[CauseGroup, ...] = ()
    retrying: tuple[CauseGroup, ...] = ()
    unverified: int = 0
    audit: tuple[TaskEvent, ...] = ()

    @property
    def budget_exceeded_event(self) -> TaskEvent | None:
        """The event with which the task stopped itself; None if it was retried since."""
        codes = (TaskEventCode.BUDGET_EXCEEDED, TaskEventCode.RETRY)
        latest = next((each for each in reversed(self.audit) if each.code in codes), None)
        return latest if latest and latest.code is TaskEventCode.BUDGET_EXCEEDED else None

    @property
    def rolled_back_groups(self) -> tuple[CauseGroup, ...]:
        """What the task itself rolled back, or tried to."""
        statuses = (OutcomeStatus.ROLLED_BACK, OutcomeStatus.ROLLBACK_FAILED)
        return tuple(each for each in self.causes if each.status in statuses)

    @property
    def needs_operator(self) -> bool:
        """Whether nothing changes until a person acts."""
        stopped_itself = self.budget_exceeded_event is not None
        return stopped_itself or any(each.needs_operator for each in self.causes)


def build_task_message(
    occasion: str, situation: TaskSituation, at: datetime, sent_as: EventClass | None = None
) -> Message:
    """Build the message about the event `occasion`.

    `sent_as` is the class that it gets instead of its own, if the contact subscribes to that one.
    """
    event, record = parse_event(occasion), situation.record
    is_retrying = event.occasion == RETRYING
    groups = situation.retrying if is_retrying else situation.causes
    causes = tuple(map(_sanitize_group, groups[:MAX_GROUPS_LISTED]))
    needs_operator = event.event_class is EventClass.NEEDS_OPERATOR or situation.needs_operator
    counts = {name: count for name, count in record.tally if count}
    rollback = _summarize_rollback(event, situation)
    done = tuple(_list_done(situation))
    commands = tuple(_list_commands(event, situation))
    paragraphs = [
        _format_status(event, situation, rollback, counts),
        _format_causes(causes),
        _format_list("certroll has done by itself:", done),
        _format_list(_introduce_commands(event, needs_operator=needs_operator), commands),
    ]
    return Message(
        event=(sent_as or event.event_class).value,
        occasion=occasion,
        subject=sanitize(f"certroll: {record.name} {_format_headline(event, situation, rollback)}"),
        body="\n\n".join(filter(None, paragraphs)) + "\n",
        at=at,
        needs_operator=needs_operator,
        task_id=record.id,
        task=record.name,
        status=record.status,
        wave=event.number if event.occasion == GATE else None,
        waves=len(situation.waves) or None,
        outcomes=counts,
        unverified=situation.unverified,
        causes=causes,
        rollback=rollback,
        done=done,
        commands=commands,
    )


def _format_headline(
    event: NotificationEvent, situation: TaskSituation, rollback: RollbackSummary | None
) -> str:
    """The end of the subject, after the name of the task: what happened, in a few words."""
    status = situation.record.status.value.replace("_", " ")
    if event.occasion == GATE:
        return f"waits for you after {_format_gate_wave(event, situation)}"
    if event.occasion == RETRYING:
        return f"keeps retrying {sum(each.count for each in situation.retrying)} changes"
    if event.event_class is EventClass.ROLLED_BACK:
        return f"{status}, {'automatically' if rollback and rollback.automatic else 'as requested'}"
    if situation.budget_exceeded_event:
        return f"stopped itself, {status}: too many failures"
    return f"{status}, somebody has to act" if situation.needs_operator else status


def _format_gate_wave(event: NotificationEvent, situation: TaskSituation) -> str:
    wave = event.number or 0
    waves = max(len(situation.waves), wave + 1)
    return format_wave_name(situation.record.rollout, wave, waves)


def _format_status(
    event: NotificationEvent,
    situation: TaskSituation,
    rollback: RollbackSummary | None,
    counts: dict[str, int],
) -> str:
    record, stopped = situation.record, situation.budget_exceeded_event
    status = record.status.value.replace("_", " ")
    resources = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    lines = [f"Task {sanitize(record.name)} ({record.id}): {status}."]
    if event.occasion == GATE:
        wave = _format_gate_wave(event, situation)
        lines.append(f"After {wave} it waits for somebody to let it proceed.")
    elif stopped:
        lines.append(f"It stopped itself: {sanitize(stopped.text, MAX_CAUSE_LENGTH)}.")
    if rollback and event.event_class is EventClass.ROLLED_BACK:
        by = "itself" if rollback.automatic else rollback.requested_by
        lines.append(f"Rollback requested by {by}: {rollback.reason}")
    lines.append(f"Resources: {resources or 'none'}.")
    if situation.unverified:
        lines.append(f"Of these {situation.unverified} were accepted, but not verified.")
    return "\n".join(lines)


def _format_causes(causes: Sequence[CauseGroup]) -> str:
    """One entry for each cause, however many resources have it."""
    lines = [line for each in causes[:MAX_GROUPS_SHOWN] for line in _format_group(each)]
    if len(causes) > MAX_GROUPS_SHOWN:
        lines.append(f"- and {len(causes) - MAX_GROUPS_SHOWN} other causes")
    return "\n".join(["Why:", *lines]) if lines else ""


def _format_group(group: CauseGroup) -> Iterator[str]:
    resources = "1 resource" if group.count == 1 else f"{group.count} resources"
    status = group.status.value.replace("_", " ")
    prefix = "e.g. " if group.count > len(group.examples) else ""
    examples = f"{prefix}{join_examples(group.examples, group.count)}"
    yield f"- {group.code}: {resources} {status}, {examples}"
    yield f"  {group.message}"
    if group.advice:
        yield f"  {group.advice}"


def _sanitize_group(group: CauseGroup) -> CauseGroup:
    """Shorten the texts and remove keys from them: a provider may repeat what it was sent."""
    return group.model_copy(
        update={
            "code": sanitize(group.code, MAX_NAME_LENGTH),
            "message": sanitize(group.message, MAX_CAUSE_LENGTH),
            "advice": group.advice and sanitize(group.advice, MAX_CAUSE_LENGTH),
            "examples": tuple(sanitize(each, MAX_NAME_LENGTH) for each in group.examples),
        }
    )


def _format_list(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""


def _summarize_rollback(
    event: NotificationEvent, situation: TaskSituation
) -> RollbackSummary | None:
    """The latest rollback: a task sends the messages about one before it starts the next."""
    if event.event_class is EventClass.FINISHED and situation.rolled_back_groups:
        stopped = situation.budget_exceeded_event
        reason = stopped.text if stopped else situation.rolled_back_groups[0].message
        return RollbackSummary(
            requested_by=CERTROLL, reason=sanitize(reason, MAX_CAUSE_LENGTH), automatic=True
        )
    if event.event_class is not EventClass.ROLLED_BACK:
        return None
    requests = [each for each in situation.audit if each.code is TaskEventCode.ROLLBACK]
    if not requests:
        return None
    return RollbackSummary(
        requested_by=sanitize(requests[-1].by, MAX_NAME_LENGTH),
        reason=sanitize(requests[-1].text, MAX_CAUSE_LENGTH),
        automatic=requests[-1].by == CERTROLL,
    )


def _list_done(situation: TaskSituation) -> Iterator[str]:
    """The latest things that certroll did by itself, with the code of each."""
    own = [
        each for each in situation.audit if each.by == CERTROLL and each.code not in _NOT_REPORTED
    ]
    for each in own[-MAX_DONE_SHOWN:]:
        yield sanitize(f"{each.code}: {each.text}", MAX_CAUSE_LENGTH)
    count = sum(
        each.count
        for each in situation.rolled_back_groups
        if each.status is OutcomeStatus.ROLLED_BACK
    )
    if count:
        yield f"rolled back: {count} {'resource' if count == 1 else 'resources'}"


def _introduce_commands(event: NotificationEvent, *, needs_operator: bool) -> str:
    if event.occasion == GATE:
        return "Check what was deployed, then let the task proceed, or stop it:"
    return "Please act on the causes above, then:" if needs_operator else "What you may do:"


def _list_commands(event: NotificationEvent, situation: TaskSituation) -> Iterator[str]:
    task, tally = situation.record.id, situation.record.tally
    yield f"certroll task show {task}"
    if event.occasion == GATE:
        yield f"certroll task proceed {task} --reason '...'"
        yield f"certroll task stop {task} --reason '...'"
        return
    if event.event_class is EventClass.FINISHED and any(map(_may_retry_group, situation.causes)):
        yield f"certroll task retry {task} --reason '...'"
    applied = tally.deployed + tally.unverified + tally.rollback_failed
    if applied and event.occasion != RETRYING:
        yield f"certroll task rollback {task} --reason '...'"


def _may_retry_group(group: CauseGroup) -> bool:
    rolled_back = group.status is OutcomeStatus.ROLLED_BACK
    cause = Cause(code=group.code, message=group.message, rolled_back=rolled_back)
    return may_retry(group.status, cause)
