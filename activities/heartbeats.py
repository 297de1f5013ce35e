"""Heartbeats for steps that block in a call: one thread beats for all of them.

Without it a worker killed in the middle of a long step would be noticed only after the step's
whole timeout; with a thread for each of a hundred steps the beats would cost more than the work.
"""

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from temporalio import activity

log = structlog.get_logger()

SECONDS_BETWEEN_BEATS = 2.0


class Heart:
    """Beats for every step that is inside `beating`."""

    def __init__(self, seconds: float = SECONDS_BETWEEN_BEATS) -> None:
        self._seconds = seconds
        self._steps: dict[int, contextvars.Context] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beats for the calling step until the block ends."""
        me = threading.get_ident()
        with self._lock:
            self._steps[me] = contextvars.copy_context()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._steps[me]

    def stop(self) -> None:
        """Ends the thread; steps still inside are no longer beaten for."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            with self._lock:
                steps = list(self._steps.values())
            for step in steps:
                _beat(step)


def _beat(step: contextvars.Context) -> None:
    """A beat that does not get through must not stop those after it, of this step and all others.

    The engine's client waits for its event loop, which may be busy for long, or closed already.
    """
    try:
        step.run(activity.heartbeat)
    except Exception:
        log.exception("a heartbeat did not get through")
