"""The name of an event holds its class, and differs where the event is to be sent again."""

import pytest

from domain.notifications import events
from domain.notifications.events import EventClass, NotificationEvent, parse_event

E = EventClass


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (events.build_finished_event(), "finished", NotificationEvent(E.FINISHED, None, None)),
        (events.build_finished_event(2), "finished+2", NotificationEvent(E.FINISHED, None, None)),
        (
            events.build_rolled_back_event(3),
            "rolled_back-3",
            NotificationEvent(E.ROLLED_BACK, None, 3),
        ),
        (
            events.build_gate_event(0),
            "needs_operator-gate-0",
            NotificationEvent(E.NEEDS_OPERATOR, "gate", 0),
        ),
        (
            events.build_gate_event(4, 1),
            "needs_operator-gate-4+1",
            NotificationEvent(E.NEEDS_OPERATOR, "gate", 4),
        ),
        (
            events.build_retrying_event(2),
            "needs_operator-retrying-2",
            NotificationEvent(E.NEEDS_OPERATOR, "retrying", 2),
        ),
    ],
)
def test_a_name_is_parsed_into_its_parts(
    name: str, value: str, expected: NotificationEvent
) -> None:
    assert name == value
    assert parse_event(name) == expected


def test_a_name_of_an_unknown_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="ended"):
        parse_event("ended")


def test_the_classes_are_public() -> None:
    assert [each.value for each in EventClass] == [
        "finished",
        "needs_operator",
        "rolled_back",
        "expiring",
        "drifted",
    ]
