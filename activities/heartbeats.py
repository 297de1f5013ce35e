"""Sends heartbeats for all activities that block in a call, by one thread.

Without heartbeats Temporal would notice a killed worker only after the whole timeout of an
activity. A thread for each of a hundred activities would cost more than their work.
"""

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from temporalio import activity

log = structlog.get_logger()

INTERVAL_SECONDS = 2.0


class Heartbeater:
    """Sends heartbeats for every activity that is inside `running`."""

    def __init__(self, seconds: float = INTERVAL_SECONDS) -> None:
        self._seconds = seconds
        self._activities: dict[int, contextvars.Context] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sends heartbeats for the calling activity until the block ends."""
        thread_id = threading.get_ident()
        with self._lock:
            self._activities[thread_id] = contextvars.copy_context()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._activities[thread_id]

    def stop(self) -> None:
        """Ends the thread, and with it the heartbeats of all activities."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            with self._lock:
                contexts = list(self._activities.values())
            for context in contexts:
                _send_heartbeat(context)


def _send_heartbeat(context: contextvars.Context) -> None:
    """Logs an error, so that later heartbeats of this and all other activities go on.

    A heartbeat waits for the event loop of the client, which may be busy for long, or closed.
    """
    try:
        context.run(activity.heartbeat)
    except Exception:
        log.exception("a heartbeat failed")
