"""Records a sync on a real server, as `tests.histories` records tasks; run it as a module."""

import asyncio
import json
import logging
import tempfile
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from domain.resources.inventory_sync import SyncInput, workflow_id
from domain.tasks.messages import TASK_QUEUE
from starter.requests import syncs
from starter.temporal.processes import find_temporal_binary
from storage.settings import Settings
from storage.store import Store
from tests.histories import FOLDER
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.syncs import DCDN, run_worker, wait_ended
from workflows.inventory_sync import InventorySyncOnSchedule

SYNCS = FOLDER / "syncs"
ON_SCHEDULE = "inventory-main-2026-11-24T18:00:00Z"


async def record(stack: Stack, folder: Path) -> None:
    """Records a sync that is joined, meets a refusal and a throttle, and syncs a service again."""
    stack.cloud.add_fault("error", "DescribeUserDomains", count=1, code="Forbidden.RAM", status=403)
    stack.cloud.add_fault("throttle", "DescribeDcdnUserDomains", count=1, retry_after_ms=50)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal_binary(),
        data_converter=pydantic_data_converter,
        identity="recorder",
        dev_server_extra_args=["--headless"],
        dev_server_log_level="error",
    ) as environment:
        client = environment.client
        async with run_worker(stack, client):
            scheduled = await client.start_workflow(
                InventorySyncOnSchedule.run,
                SyncInput(account=ACCOUNT),
                id=ON_SCHEDULE,
                task_queue=TASK_QUEUE,
            )
            everything = await syncs.start_or_join(client, stack.store, ACCOUNT)
            for services in ([SERVICE], [SERVICE], [DCDN]):
                await wait_ended(
                    stack, await syncs.start_or_join(client, stack.store, ACCOUNT, services)
                )
            await wait_ended(stack, everything)
            await scheduled.result()
        for name, workflow in (("scheduled", ON_SCHEDULE), ("joined", workflow_id(ACCOUNT))):
            run = await client.get_workflow_handle(workflow).fetch_history()
            events = json.loads(run.to_json(), object_hook=_without_stack_traces)["events"]
            lines = ",\n".join(map(json.dumps, events))
            (folder / f"{name}.json").write_text(f'{{"events": [\n{lines}\n]}}\n')


def _without_stack_traces(value: dict[str, object]) -> dict[str, object]:
    """Without stack traces: they name the folders of the machine that recorded."""
    return {name: each for name, each in value.items() if name != "stackTrace"}


def main() -> None:
    """Replaces the recorded histories of syncs."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # failures are meant here
    SYNCS.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        PracticeCloud(Path(folder), record=False, keep_state=False) as cloud,
        Store.open(settings := Settings(home=Path(folder, "home")), migrate=True) as store,
    ):
        stack = Stack(settings, store, cloud, CA("recorded"))
        stack.add_account()
        asyncio.run(record(stack, SYNCS))


if __name__ == "__main__":
    main()
