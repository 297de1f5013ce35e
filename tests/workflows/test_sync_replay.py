"""Replays saved histories of syncs: those that an earlier version has started go on with this one.

What test_replay.py says of tasks applies to syncs too. `python -m tests.histories.sync` records.
"""

import asyncio
import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from domain.resources.inventory_sync import ServiceSyncResult, SyncInput
from tests.histories.sync import SYNCS
from workflows.inventory_sync import InventorySync, InventorySyncOnSchedule

NAMES = ("joined", "scheduled")


@workflow.defn(name="InventorySync")
class Diverged(InventorySync):
    """Waits a moment before it begins, which no saved sync ever did."""

    @workflow.init
    def __init__(self, asked: SyncInput) -> None:
        super().__init__(asked)

    @workflow.run
    async def run(self, asked: SyncInput) -> list[ServiceSyncResult]:
        await asyncio.sleep(1)
        return await super().run(asked)


def read_history(path: Path) -> WorkflowHistory:
    saved = json.loads(path.read_text())
    started = saved["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], saved)


def build_replayer(*kinds: type) -> Replayer:
    return Replayer(
        workflows=kinds,
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


@pytest.mark.parametrize("name", NAMES)
async def test_a_sync_of_an_earlier_version_goes_on(name: str) -> None:
    kinds = build_replayer(InventorySync, InventorySyncOnSchedule)
    await kinds.replay_workflow(read_history(SYNCS / f"{name}.json"))


async def test_a_sync_that_decides_otherwise_is_found() -> None:
    with pytest.raises(NondeterminismError):
        await build_replayer(Diverged).replay_workflow(read_history(SYNCS / "joined.json"))
