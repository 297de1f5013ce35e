"""Asking a cloud while a person waits: a hiccup is asked again, an outage soon told."""

from collections.abc import Callable
from threading import Lock
from time import sleep
from typing import TypeVar

from domain.errors import Transient

Answer = TypeVar("Answer")

TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
OUTAGE = 40
"""Questions in a row that no try answered: from then on each is asked only once."""


class Asking:
    """Shared by the threads that ask. `pause` waits for so many seconds."""

    def __init__(self, pause: Callable[[float], None] = sleep) -> None:
        self._pause, self._lock, self._in_vain = pause, Lock(), 0

    def __call__(self, question: Callable[[], Answer]) -> Answer:
        """The answer; raises what the last try did.

        The provider's own word on when to come back is heeded, as far as a person waits for it.
        """
        for number in range(self._tries() - 1):
            try:
                return self._answered(question())
            except Transient as error:
                hint = error.retry_after or FIRST_PAUSE * 2**number
                self._pause(min(hint, LONGEST_PAUSE))
        try:
            return self._answered(question())
        except Transient:
            with self._lock:
                self._in_vain += 1
            raise

    def _tries(self) -> int:
        return TRIES if self._in_vain < OUTAGE else 1

    def _answered(self, answer: Answer) -> Answer:
        self._in_vain = 0
        return answer
