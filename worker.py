"""Who runs: wires storage, connectors, activities and workflows, and takes work from the queue."""

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import structlog
from sqlalchemy.exc import OperationalError
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from activities.bookkeeping import Bookkeeping
from activities.calendar import Openings
from activities.cleanup import Cleanup
from activities.deployment import Deployment
from activities.expiry_watch import Watching
from activities.heartbeats import Heart
from activities.inventory_sync import Walks
from activities.notifications import Notifications
from activities.preflight import Preflight
from activities.reverification import Verification
from activities.waves import Waves
from domain.errors import CertrollError
from domain.tasks.messages import TASK_QUEUE
from operations.runtime.connector_pool import Clouds
from starter import metrics
from starter.cli.terminal.exit_codes import Code, leave
from starter.logs import set_up_logs
from starter.requests.tasks import start_forgotten
from starter.temporal import sync_schedules
from starter.temporal.client import EngineUnreachable, connect, register_search_attributes
from storage.settings import Settings
from storage.store import DatabaseAway, Store
from workflows.deployment.workflow import DeploymentTask
from workflows.expiry_watch import ExpiryWatch
from workflows.inventory_sync import InventorySync, InventorySyncOnSchedule
from workflows.reverification import Reverification

log = structlog.get_logger()

STEPS_AT_ONCE = 120
SECONDS_BETWEEN_TRIES = 1.0


def build(
    client: Client,
    store: Store,
    settings: Settings,
    heart: Heart,
    runner: WorkflowRunner | None = None,
) -> Worker:
    """A worker with everything handed in; the caller runs it and closes the store.

    Workflows run outside the SDK's sandbox: it would cost a quarter of the worker's time, and
    every test runs them inside it (`runner`), where a forgotten import or a clock is an error.
    """
    clouds = Clouds(store)
    bookkeeping = Bookkeeping(store, heart)
    deployment = Deployment(store, clouds, heart)
    notifications = Notifications(store, settings)
    watching = Watching(store, settings)
    walks = Walks(store, clouds, heart)
    waves = Waves(store, heart)
    verification = Verification(store, clouds, heart)
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
            bookkeeping.reserve,
            bookkeeping.settle,
            bookkeeping.tally,
            bookkeeping.installations,
            bookkeeping.fail_installation,
            bookkeeping.orders,
            bookkeeping.skip,
            bookkeeping.unknown_resources,
            bookkeeping.record_status,
            bookkeeping.record_time,
            bookkeeping.record_event,
            bookkeeping.delete,
            Openings(store).may_begin,
            waves.wave_facts,
            waves.reopen,
            waves.still_trying,
            Preflight(store, clouds, heart, settings).preflight,
            deployment.install,
            deployment.deploy,
            deployment.record_failure,
            Cleanup(store, clouds, heart).clean_up,
            verification.look_again,
            verification.verify_all,
            notifications.notify,
            notifications.give_up,
            watching.watchers,
            watching.tell_news,
            walks.services_to_walk,
            walks.walk_service,
            walks.record_failed_walk,
        ],
        activity_executor=ThreadPoolExecutor(STEPS_AT_ONCE, thread_name_prefix="step"),
        max_concurrent_activities=STEPS_AT_ONCE,
        max_cached_workflows=500,
        graceful_shutdown_timeout=timedelta(seconds=10),
        max_eager_activity_reservations_per_workflow_task=STEPS_AT_ONCE,
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
    )


async def patiently_open(settings: Settings) -> Store:
    """Storage whose server may not be up yet; tries until it is."""
    while True:
        try:
            return await asyncio.to_thread(Store.open, settings)
        except DatabaseAway as error:
            log.warning("waiting for the database", error=str(error))
            await asyncio.sleep(SECONDS_BETWEEN_TRIES)


async def patiently_connect(settings: Settings) -> Client:
    """A client of an engine that may not be up yet; tries until it is."""
    while True:
        try:
            client = await connect(settings)
            await register_search_attributes(client)
        except (EngineUnreachable, RPCError) as error:
            log.warning("waiting for Temporal", error=str(error))
            await asyncio.sleep(SECONDS_BETWEEN_TRIES)
        else:
            return client


async def patiently_begin(store: Store, client: Client) -> int:
    """Starts what was written and not started; tries until the engine and the database answer.

    Either may go away just as a worker comes up: it must not end for that.
    """
    while True:
        try:
            return await start_forgotten(store, client)
        except (RPCError, OperationalError) as error:
            log.warning("waiting for Temporal and the database", error=type(error).__name__)
            await asyncio.sleep(SECONDS_BETWEEN_TRIES)


async def run(settings: Settings) -> None:
    """Works until it is told to stop by SIGINT or SIGTERM."""
    store = await patiently_open(settings)
    heart = Heart()
    try:
        with metrics.serving(store, settings.metrics_address):
            await _work(store, settings, heart)
    finally:
        heart.stop()
        store.close()


async def _work(store: Store, settings: Settings, heart: Heart) -> None:
    client = await patiently_connect(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with build(client, store, settings, heart):
        started = await patiently_begin(store, client)
        log.info("worker ready", task_queue=TASK_QUEUE, forgotten_tasks_started=started)
        keeping = asyncio.create_task(sync_schedules.keep(client, store, settings))
        await stop.wait()
        keeping.cancel()
        log.info("worker stops")


def main() -> None:
    """The command `certroll-worker`."""
    try:
        settings = Settings()
        set_up_logs(settings.log_level)
        asyncio.run(run(settings))
    except CertrollError as error:
        sys.stderr.write(f"error: {error}\n")
        leave(Code.BAD_INPUT)
    leave(Code.FINE)


if __name__ == "__main__":
    main()
