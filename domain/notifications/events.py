"""The events that contacts hear of: their classes, and the name of each single event.

A name is the class and, where a task may have several events of it, what tells them apart:
"finished", "rolled_back-2", "needs_operator-gate-1", and "finished+1" after the first retry. Each
name is sent once to each contact. The workflow builds the names, storage keeps what was sent. This
module imports nothing of pydantic, so that `certroll --help` starts fast.
"""

from enum import StrEnum
from typing import NamedTuple


class EventClass(StrEnum):
    """What a contact may subscribe to; the values are public.

    NEEDS_OPERATOR: nothing goes on until a person acts. A task that ends and needs a person is
    sent once, even to a contact that subscribes to both classes.
    """

    FINISHED = "finished"
    NEEDS_OPERATOR = "needs_operator"
    ROLLED_BACK = "rolled_back"
    EXPIRING = "expiring"
    DRIFTED = "drifted"


class NotificationEvent(NamedTuple):
    """A name in parts; `occasion` is why a person is needed, `number` the wave or the rollback."""

    event_class: EventClass
    occasion: str | None
    number: int | None


GATE, RETRYING = "gate", "retrying"


def build_finished_event(retries: int = 0) -> str:
    """The task has ended, after this many retries; also if it stopped itself."""
    return _build_name(EventClass.FINISHED, retries=retries)


def build_rolled_back_event(number: int) -> str:
    """The rollback of this number, from 1, has ended, whoever started it."""
    return _build_name(EventClass.ROLLED_BACK, number)


def build_gate_event(wave: int, retries: int = 0) -> str:
    """The task waits for a person to proceed after this wave, from 0."""
    return _build_name(EventClass.NEEDS_OPERATOR, GATE, wave, retries=retries)


def build_retrying_event(number: int = 1) -> str:
    """Changes have been retried for long, and a person may have to help; `number` from 1."""
    return _build_name(EventClass.NEEDS_OPERATOR, RETRYING, number)


def parse_event(event: str) -> NotificationEvent:
    """Split a name into its parts; ValueError if its class is unknown."""
    name, *rest = event.partition("+")[0].split("-")
    number = int(rest.pop()) if rest and rest[-1].isdecimal() else None
    return NotificationEvent(EventClass(name), rest[0] if rest else None, number)


def _build_name(event_class: EventClass, *rest: object, retries: int = 0) -> str:
    """The number of retries makes an event that happens again a new one, to be sent again."""
    name = "-".join(map(str, (event_class.value, *rest)))
    return f"{name}+{retries}" if retries else name
