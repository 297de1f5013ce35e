"""What a contact is told of a task: what became of it, why, what was done, what is asked. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.cause import Cause
from domain.model import Value
from domain.notifications.events import GATE, RETRYING, Event, EventClass, parts
from domain.notifications.message import (
    LONGEST_CAUSE,
    LONGEST_NAME,
    CauseGroup,
    Message,
    Rollback,
    clean,
    some,
)
from domain.rollout.stage import wave_name
from domain.tasks.record import TaskEvent, TaskRecord
from domain.tasks.retry import may_be_retried
from domain.tasks.status import OutcomeStatus, Tally

GROUPS_SHOWN, GROUPS_KEPT, DONE_SHOWN = 12, 50, 5
BY_ITSELF = "certroll"
BREACH, RETRY, ROLLBACK = "breach", "retry", "rollback"
_QUIET = {"not told", "cleanup", "gate"}


class Situation(Value):
    """All that is known of a task when its contacts are told.

    `waves` are the tallies of its waves, `causes` of its outcomes that are not as wanted, the
    largest group first, `trying` of changes that are being tried again, and `audit` its events.
    """

    record: TaskRecord
    waves: tuple[Tally, ...] = ()
    causes: tuple[CauseGroup, ...] = ()
    trying: tuple[CauseGroup, ...] = ()
    unverified: int = 0
    audit: tuple[TaskEvent, ...] = ()

    @property
    def breach(self) -> TaskEvent | None:
        """That it has stopped itself, for too much had failed; if it did since it was retried."""
        latest = [each for each in self.audit if each.kind in (BREACH, RETRY)][-1:]
        return latest[0] if latest and latest[0].kind == BREACH else None

    @property
    def taken_back(self) -> tuple[CauseGroup, ...]:
        """What the task itself has undone, or tried to."""
        back = (OutcomeStatus.ROLLED_BACK, OutcomeStatus.ROLLBACK_FAILED)
        return tuple(each for each in self.causes if each.status in back)

    @property
    def needs_operator(self) -> bool:
        """Whether it stays as it is until somebody acts."""
        return self.breach is not None or any(each.needs_operator for each in self.causes)


def task_message(
    occasion: str, situation: Situation, at: datetime, told_as: EventClass | None = None
) -> Message:
    """The message of this event; `told_as` another class where that is what the contact takes."""
    event, record = parts(occasion), situation.record
    counts = {name: count for name, count in record.tally if count}
    waits = event.kind is EventClass.NEEDS_OPERATOR
    needs_operator = waits or situation.needs_operator
    groups = situation.trying if event.occasion == RETRYING else situation.causes
    causes = tuple(map(_clean, groups[:GROUPS_KEPT]))
    rollback = _rollback(event, situation)
    done = tuple(_done(situation))
    commands = tuple(_commands(event, situation))
    paragraphs = [
        _what(event, situation, rollback, counts),
        _why(causes),
        _listed("certroll has done by itself:", done),
        _listed(_asked(event, needs_operator=needs_operator), commands),
    ]
    return Message(
        event=(told_as or event.kind).value,
        occasion=occasion,
        subject=clean(f"certroll: {record.name} {_headline(event, situation, rollback)}"),
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


def _headline(event: Event, situation: Situation, rollback: Rollback | None) -> str:
    """The rest of the subject: what has happened, in a few words."""
    status = situation.record.status.value.replace("_", " ")
    if event.occasion == GATE:
        return f"waits for you after {_wave(event, situation)}"
    if event.occasion == RETRYING:
        return f"tries {sum(each.count for each in situation.trying)} changes again and again"
    if event.kind is EventClass.ROLLED_BACK:
        return f"{status}, {'by itself' if rollback and rollback.automatic else 'as asked'}"
    if situation.breach:
        return f"stopped itself, {status}: too many failures"
    return f"{status}, somebody has to act" if situation.needs_operator else status


def _wave(event: Event, situation: Situation) -> str:
    number = event.number or 0
    waves = max(len(situation.waves), number + 1)
    return wave_name(situation.record.rollout, number, waves)


def _what(
    event: Event, situation: Situation, rollback: Rollback | None, counts: dict[str, int]
) -> str:
    record = situation.record
    status = record.status.value.replace("_", " ")
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    lines = [f"Task {clean(record.name)} ({record.id}): {status}."]
    if event.occasion == GATE:
        lines.append(f"It waits for a word to go on after {_wave(event, situation)}.")
    elif situation.breach:
        lines.append(f"It has stopped itself: {clean(situation.breach.text, LONGEST_CAUSE)}.")
    if rollback and event.kind is EventClass.ROLLED_BACK:
        by = "By itself" if rollback.automatic else f"Asked for by {rollback.requested_by}"
        lines.append(f"{by}: {rollback.reason}")
    lines.append(f"Resources: {told or 'none'}.")
    if situation.unverified:
        lines.append(f"Of these {situation.unverified} were accepted, but not verified.")
    return "\n".join(lines)


def _why(causes: Sequence[CauseGroup]) -> str:
    """One entry for each cause, however many resources have it."""
    lines = [line for each in causes[:GROUPS_SHOWN] for line in _cause(each)]
    if len(causes) > GROUPS_SHOWN:
        lines.append(f"- and {len(causes) - GROUPS_SHOWN} other causes")
    return "\n".join(["Why:", *lines]) if lines else ""


def _cause(group: CauseGroup) -> Iterator[str]:
    many = "resource" if group.count == 1 else "resources"
    status = group.status.value.replace("_", " ")
    prefix = "e.g. " if group.count > len(group.examples) else ""
    examples = f"{prefix}{some(group.examples, group.count)}"
    yield f"- {group.code}: {group.count} {many} {status}, {examples}"
    yield f"  {group.message}"
    if group.advice:
        yield f"  {group.advice}"


def _clean(group: CauseGroup) -> CauseGroup:
    """Without keys, which a provider may repeat, and not longer than somebody reads."""
    return group.model_copy(
        update={
            "code": clean(group.code, LONGEST_NAME),
            "message": clean(group.message, LONGEST_CAUSE),
            "advice": group.advice and clean(group.advice, LONGEST_CAUSE),
            "examples": tuple(clean(each, LONGEST_NAME) for each in group.examples),
        }
    )


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""


def _rollback(event: Event, situation: Situation) -> Rollback | None:
    """The latest one: the next does not begin before the contacts are told of it."""
    if event.kind is EventClass.FINISHED and situation.taken_back:
        reason = situation.breach.text if situation.breach else situation.taken_back[0].message
        shown = clean(reason, LONGEST_CAUSE)
        return Rollback(requested_by=BY_ITSELF, reason=shown, automatic=True)
    if event.kind is not EventClass.ROLLED_BACK:
        return None
    asked = [each for each in situation.audit if each.kind == ROLLBACK]
    if not asked:
        return None
    by, reason = clean(asked[-1].by, LONGEST_NAME), clean(asked[-1].text, LONGEST_CAUSE)
    return Rollback(requested_by=by, reason=reason, automatic=by == BY_ITSELF)


def _done(situation: Situation) -> Iterator[str]:
    """The last things that it did of itself and a person wants to know of."""
    own = [each for each in situation.audit if each.by == BY_ITSELF and each.kind not in _QUIET]
    for each in own[-DONE_SHOWN:]:
        yield clean(f"{each.kind}: {each.text}", LONGEST_CAUSE)
    back = [each for each in situation.taken_back if each.status is OutcomeStatus.ROLLED_BACK]
    if count := sum(each.count for each in back):
        yield f"taken back: {count} {'resource' if count == 1 else 'resources'}"


def _asked(event: Event, *, needs_operator: bool) -> str:
    if event.occasion == GATE:
        return "Look at what was deployed, then say whether it goes on:"
    return "Please act on the causes above, then:" if needs_operator else "What you may do:"


def _may_be_retried(group: CauseGroup) -> bool:
    taken_back = group.status is OutcomeStatus.ROLLED_BACK
    cause = Cause(code=group.code, message=group.message, taken_back=taken_back)
    return may_be_retried(group.status, cause)


def _commands(event: Event, situation: Situation) -> Iterator[str]:
    task, tally = situation.record.id, situation.record.tally
    yield f"certroll task show {task}"
    if event.occasion == GATE:
        yield f"certroll task proceed {task} --reason '...'"
        yield f"certroll task stop {task} --reason '...'"
        return
    if event.kind is EventClass.FINISHED and any(map(_may_be_retried, situation.causes)):
        yield f"certroll task retry {task} --reason '...'"
    applied = tally.deployed + tally.unverified + tally.rollback_failed
    if applied and event.occasion != RETRYING:
        yield f"certroll task rollback {task} --reason '...'"
