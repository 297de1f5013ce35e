"""Questions to a cloud that a person waits for."""

import pytest

from domain.errors import NeedsOperator, Transient
from operations.planning.bindings import LONGEST_PAUSE, OUTAGE, TRIES, Asking


class Cloud:
    """Fails so often, then answers."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.left, self.asked = failures, 0
        self.error = error or Transient("busy", code="Throttling")

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise self.error
        return "answer"


def test_a_hiccup_is_asked_again_with_longer_and_longer_pauses() -> None:
    pauses: list[float] = []
    cloud = Cloud(failures=TRIES - 1)
    assert Asking(pauses.append)(cloud) == "answer"
    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_the_hint_of_the_provider_is_heeded_as_far_as_a_person_waits() -> None:
    pauses: list[float] = []
    ask = Asking(pauses.append)
    ask(Cloud(1, Transient("busy", code="Throttling", retry_after=3)))
    ask(Cloud(1, Transient("busy", code="Throttling", retry_after=600)))
    assert pauses == [3, LONGEST_PAUSE]


def test_what_fails_every_time_raises_what_it_said_last() -> None:
    cloud = Cloud(failures=99)
    with pytest.raises(Transient, match="busy"):
        Asking(lambda seconds: None)(cloud)
    assert cloud.asked == TRIES


def test_a_clear_refusal_is_not_asked_again() -> None:
    cloud = Cloud(99, NeedsOperator("forbidden", code="Forbidden"))
    with pytest.raises(NeedsOperator):
        Asking(lambda seconds: None)(cloud)
    assert cloud.asked == 1


def test_in_an_outage_each_question_is_asked_once_until_one_is_answered() -> None:
    ask = Asking(lambda seconds: None)
    for _ in range(OUTAGE):
        with pytest.raises(Transient):
            ask(Cloud(99))
    silent = Cloud(99)
    with pytest.raises(Transient):
        ask(silent)
    assert silent.asked == 1
    assert ask(Cloud(0)) == "answer"
    assert ask(Cloud(1)) == "answer"
