"""Activities that verify deployed changes again; DeploymentTask and Reverification run them."""

from datetime import datetime

from temporalio import activity

from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from activities.pausing import pause
from domain.model import Value
from operations.runtime.connector_pool import ConnectorPool
from operations.verification.observation import Prober
from operations.verification.reverification import (
    ReverificationCounts,
    Reverifier,
    VerificationCounts,
)
from storage.store import Store


class ReverificationRequest(Value):
    """The changes of one wave of a task, or of all; `at` is the time of the step."""

    task_id: str
    wave: int | None = None
    at: datetime


class ReverificationActivities:
    """Built by worker.py."""

    def __init__(
        self,
        store: Store,
        pool: ConnectorPool,
        heartbeater: Heartbeater,
        prober: Prober | None = None,
    ) -> None:
        self._reverifier = Reverifier(store, pool, prober, pause)
        self._heartbeater = heartbeater

    @activity.defn
    def verify_again(self, request: ReverificationRequest) -> ReverificationCounts:
        """Verifies what a task deployed, and moves the outcomes of what has changed."""
        with as_application_errors(), self._heartbeater.running():
            return self._reverifier.verify_task(request.task_id, request.wave, request.at)

    @activity.defn
    def verify_all_deployments(self, at: datetime) -> VerificationCounts:
        """Verifies the last deployment of every resource, and records drift."""
        with as_application_errors(), self._heartbeater.running():
            return self._reverifier.verify_all(at)
