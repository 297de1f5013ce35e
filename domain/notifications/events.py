"""What contacts are told of: the classes that they choose from, and the name of each event. Pure.

An event's name is its class and, where a task may have several of that class, what tells them
apart: "finished", "rolled_back-2", "needs_operator-gate-1", "finished+1" after the first retry.
Each is told once to each contact.
"""

from enum import StrEnum
from typing import NamedTuple


class EventClass(StrEnum):
    """What a contact may choose to be told of; the values are public.

    `needs_operator`: it stays as it is until a person acts. A contact that is told of both is told
    once of a task that has ended and needs somebody.
    """

    FINISHED = "finished"
    NEEDS_OPERATOR = "needs_operator"
    ROLLED_BACK = "rolled_back"
    EXPIRING = "expiring"
    DRIFTED = "drifted"


class Event(NamedTuple):
    """A name in parts; `occasion` is why somebody is needed, `number` which wave or rollback."""

    kind: EventClass
    occasion: str | None
    number: int | None


GATE, RETRYING = "gate", "retrying"


def finished(round_: int = 0) -> str:
    """The task has ended, after so many retries; of itself too, because too much has failed."""
    return _name(EventClass.FINISHED, again=round_)


def rolled_back(number: int) -> str:
    """The task's rollback of this number, from 1, has ended; asked for or by itself."""
    return _name(EventClass.ROLLED_BACK, number)


def gate(wave: int, round_: int = 0) -> str:
    """The task waits for a person's word after this wave, from 0."""
    return _name(EventClass.NEEDS_OPERATOR, GATE, wave, again=round_)


def retrying(time: int = 1) -> str:
    """Changes are tried again for long, and it may take somebody to help them; told so often."""
    return _name(EventClass.NEEDS_OPERATOR, RETRYING, time)


def parts(event: str) -> Event:
    """The parts of a name; ValueError for one of no class."""
    kind, *rest = event.partition("+")[0].split("-")
    number = int(rest.pop()) if rest and rest[-1].isdecimal() else None
    return Event(EventClass(kind), rest[0] if rest else None, number)


def _name(kind: EventClass, *rest: object, again: int = 0) -> str:
    """What happens once more in a later round of the task is told once more."""
    name = "-".join(map(str, (kind.value, *rest)))
    return f"{name}+{again}" if again else name
