"""Activities of an inventory sync; the workflow InventorySync runs them."""

from temporalio import activity

from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from domain.cause import Cause
from domain.errors import Permanent, Transient
from domain.model import Value
from domain.resources.inventory_sync import ServiceSync, ServiceSyncRecord, ServiceSyncResult
from operations.inventory.binding_reader import SUPERSEDED_CODE
from operations.inventory.service_sync import fail_sync, list_services, resume_sync
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store

SHUTDOWN_CODE = "WorkerShutdown"


class FailedSync(Value):
    """A service sync that will not be tried again, and why."""

    sync: ServiceSync
    cause: Cause


class InventorySyncActivities:
    """Built by worker.py."""

    def __init__(self, store: Store, pool: ConnectorPool, heartbeater: Heartbeater) -> None:
        self._store, self._pool, self._heartbeater = store, pool, heartbeater

    @activity.defn
    def list_services_to_sync(self, account: str) -> list[str]:
        """All services of the account's provider that serve certificates themselves."""
        with as_application_errors():
            return list_services(self._store.accounts.get(account).provider)

    # A cancellation raised at any line could tear a transaction; `_check_stop` looks between pages.
    @activity.defn(no_thread_cancel_exception=True)
    def sync_service(self, sync: ServiceSync) -> ServiceSyncResult:
        """Continues from the page at which the attempt before was killed."""
        with as_application_errors(), self._heartbeater.running():
            try:
                return resume_sync(self._store, self._pool, sync, _check_stop)
            except Transient as error:
                if error.code not in (SUPERSEDED_CODE, SHUTDOWN_CODE):
                    self._store.syncs.record_error(sync, Cause.from_error(error))
                raise

    @activity.defn
    def record_failed_sync(self, failed: FailedSync) -> ServiceSyncResult:
        """Records that the sync has failed. Stored pages stay; nothing is marked as gone."""
        with as_application_errors():
            return fail_sync(self._store, failed.sync, failed.cause)


def _check_stop(record: ServiceSyncRecord) -> None:
    """Raises between two pages if the worker shuts down or the sync was cancelled."""
    if record.ended_at is not None:
        return
    if activity.is_worker_shutdown():
        raise Transient("the worker is shutting down", code=SHUTDOWN_CODE, retry_after=0.1)
    if activity.is_cancelled():
        raise Permanent("the sync was cancelled", code="Cancelled")
