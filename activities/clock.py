"""The time here, and waiting that ends when the worker does."""

from datetime import UTC, datetime

from temporalio import activity

from domain.errors import Transient


def now() -> datetime:
    """The worker's clock, UTC."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Waits between two looks; a worker that shuts down hands the step to another."""
    if activity.in_activity():
        activity.wait_for_worker_shutdown_sync(seconds)
        if activity.is_worker_shutdown():
            raise Transient("the worker is shutting down", code="WorkerShutdown")
