"""Waits inside an activity; deployment and reverification call it between two observations."""

from temporalio import activity

from domain.errors import Transient


def pause(seconds: float) -> None:
    """Raises Transient if the worker shuts down, so that another worker repeats the activity.

    Outside of an activity it returns at once.
    """
    if activity.in_activity():
        activity.wait_for_worker_shutdown_sync(seconds)
        if activity.is_worker_shutdown():
            raise Transient("the worker is shutting down", code="WorkerShutdown")
