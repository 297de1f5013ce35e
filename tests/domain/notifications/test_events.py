"""The name of an event says its class, and is another one where it is to be told again."""

import pytest

from domain.notifications import events
from domain.notifications.events import Event, EventClass, parts

E = EventClass


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        (events.finished(), "finished", Event(E.FINISHED, None, None)),
        (events.finished(2), "finished+2", Event(E.FINISHED, None, None)),
        (events.rolled_back(3), "rolled_back-3", Event(E.ROLLED_BACK, None, 3)),
        (events.gate(0), "needs_operator-gate-0", Event(E.NEEDS_OPERATOR, "gate", 0)),
        (events.gate(4, 1), "needs_operator-gate-4+1", Event(E.NEEDS_OPERATOR, "gate", 4)),
        (events.retrying(2), "needs_operator-retrying-2", Event(E.NEEDS_OPERATOR, "retrying", 2)),
    ],
)
def test_a_name_tells_its_parts(name: str, told: str, expected: Event) -> None:
    assert name == told
    assert parts(name) == expected


def test_a_name_of_no_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="ended"):
        parts("ended")


def test_the_classes_that_contacts_choose_from_are_public() -> None:
    assert [each.value for each in EventClass] == [
        "finished",
        "needs_operator",
        "rolled_back",
        "expiring",
        "drifted",
    ]
