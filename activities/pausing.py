"""Waiting inside an activity; `deploy` and the second verification call it between two looks."""

from temporalio import activity

from domain.errors import Transient


def pause(seconds: float) -> None:
    """Waits. Raises Transient when the worker shuts down: another worker repeats the step."""
    if activity.in_activity():
        activity.wait_for_worker_shutdown_sync(seconds)
        if activity.is_worker_shutdown():
            raise Transient("the worker is shutting down", code="WorkerShutdown")
