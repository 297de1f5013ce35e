"""Runs a worker: wires storage, activities and workflows. The command certroll-worker calls it."""

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from activities.bookkeeping import BookkeepingActivities
from activities.calendar import CalendarActivities
from activities.cleanup import CleanupActivities
from activities.deployment import DeploymentActivities
from activities.expiry_watch import ExpiryWatchActivities
from activities.heartbeats import Heartbeater
from activities.inventory_sync import InventorySyncActivities
from activities.notifications import NotificationActivities
from activities.preflight import PreflightActivities
from activities.reverification import ReverificationActivities
from activities.waves import WaveActivities
from domain.errors import CertrollError
from domain.tasks.messages import TASK_QUEUE
from operations.runtime.connector_pool import ConnectorPool
from starter import metrics
from starter.cli.terminal.exit_codes import ExitCode, exit_process
from starter.logs import set_up_logs
from starter.requests.tasks import start_unstarted
from starter.temporal import sync_schedules
from starter.temporal.client import EngineUnreachable, connect, register_search_attributes
from storage.settings import Settings
from storage.store import DatabaseUnavailable, Store
from workflows.deployment.workflow import DeploymentTask
from workflows.expiry_watch import ExpiryWatch
from workflows.inventory_sync import InventorySync, InventorySyncOnSchedule
from workflows.policies import WORKER_SHUTDOWN
from workflows.reverification import Reverification

log = structlog.get_logger()

ACTIVITIES_AT_ONCE = 120
RETRY_SECONDS = 1.0


def build_worker(
    client: Client,
    store: Store,
    settings: Settings,
    heartbeater: Heartbeater,
    runner: WorkflowRunner | None = None,
) -> Worker:
    """A worker that the caller runs; the caller also closes the store.

    Workflows run outside the SDK's sandbox, which would cost a quarter of the worker's time. Every
    test passes the sandbox as `runner`: there a forgotten import or a read clock is an error.
    """
    pool = ConnectorPool(store)
    bookkeeping = BookkeepingActivities(store, heartbeater)
    deployment = DeploymentActivities(store, pool, heartbeater)
    notifications = NotificationActivities(store, settings)
    expiry_watch = ExpiryWatchActivities(store, settings)
    inventory_sync = InventorySyncActivities(store, pool, heartbeater)
    waves = WaveActivities(store, heartbeater)
    reverification = ReverificationActivities(store, pool, heartbeater)
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[
            DeploymentTask,
            ExpiryWatch,
            InventorySync,
            InventorySyncOnSchedule,
            Reverification,
        ],
        activities=[
            bookkeeping.reserve_quota,
            bookkeeping.settle_quota,
            bookkeeping.count_outcomes,
            bookkeeping.list_installations,
            bookkeeping.fail_installation,
            bookkeeping.list_orders,
            bookkeeping.skip_changes,
            bookkeeping.find_unknown_resources,
            bookkeeping.record_status,
            bookkeeping.record_time,
            bookkeeping.record_event,
            bookkeeping.delete_task,
            CalendarActivities(store).find_start,
            waves.get_wave_facts,
            waves.reopen_changes,
            waves.record_retried_change,
            PreflightActivities(store, pool, heartbeater, settings).run_preflight,
            deployment.install,
            deployment.deploy,
            deployment.record_failure,
            CleanupActivities(store, pool, heartbeater).clean_up,
            reverification.verify_again,
            reverification.verify_all_deployments,
            notifications.notify,
            notifications.record_undelivered,
            expiry_watch.list_news_contacts,
            expiry_watch.send_expiry_news,
            inventory_sync.list_services_to_sync,
            inventory_sync.sync_service,
            inventory_sync.record_failed_sync,
        ],
        activity_executor=ThreadPoolExecutor(ACTIVITIES_AT_ONCE, thread_name_prefix="activity"),
        max_concurrent_activities=ACTIVITIES_AT_ONCE,
        max_cached_workflows=500,
        graceful_shutdown_timeout=WORKER_SHUTDOWN,
        max_eager_activity_reservations_per_workflow_task=ACTIVITIES_AT_ONCE,
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
    )


async def open_store(settings: Settings) -> Store:
    """Opens storage; retries until its server is up."""
    while True:
        try:
            return await asyncio.to_thread(Store.open, settings)
        except DatabaseUnavailable as error:
            log.warning("waiting for the database", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def connect_to_temporal(settings: Settings) -> Client:
    """Connects to Temporal; retries until its server is up."""
    while True:
        try:
            client = await connect(settings)
            await register_search_attributes(client)
        except (EngineUnreachable, RPCError) as error:
            log.warning("waiting for Temporal", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return client


async def start_missing_workflows(store: Store, client: Client) -> int:
    """Starts tasks that were stored without a workflow; returns how many.

    Retries until Temporal and the database answer: both may go away while a worker starts.
    """
    while True:
        try:
            return await start_unstarted(store, client)
        except (RPCError, OperationalError) as error:
            log.warning("waiting for Temporal and the database", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)


async def run(settings: Settings) -> None:
    """Runs a worker until SIGINT or SIGTERM."""
    store = await open_store(settings)
    heartbeater = Heartbeater()
    try:
        with metrics.serve(store, settings.metrics_address):
            await _run_until_signal(store, settings, heartbeater)
    finally:
        heartbeater.stop()
        store.close()


async def _run_until_signal(store: Store, settings: Settings, heartbeater: Heartbeater) -> None:
    client = await connect_to_temporal(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with build_worker(client, store, settings, heartbeater):
        started = await start_missing_workflows(store, client)
        log.info("worker ready", task_queue=TASK_QUEUE, started_tasks=started)
        schedules = asyncio.create_task(
            sync_schedules.keep_schedules_current(client, store, settings)
        )
        await stop.wait()
        schedules.cancel()
        log.info("worker stops")


def main() -> None:
    """The command `certroll-worker`."""
    try:
        settings = Settings()
        set_up_logs(settings.log_level)
        asyncio.run(run(settings))
    except CertrollError as error:
        sys.stderr.write(f"error: {error}\n")
        exit_process(ExitCode.BAD_INPUT)
    exit_process(ExitCode.SUCCESS)


if __name__ == "__main__":
    main()
