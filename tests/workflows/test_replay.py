"""Replays saved histories: tasks that an earlier version has started go on with this one.

Tasks stay open for weeks, so every upgrade meets open ones. When a replay fails, the workflow now
decides otherwise than the earlier version did, and such tasks would be stuck: guard the change with
`workflow.patched`, so that open tasks go on as they began. Do not record the histories again to
silence this test; `python -m tests.histories` is for new scenarios.
"""

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from domain.tasks.messages import TaskInput
from domain.tasks.status import TaskStatus
from tests.histories import FOLDER
from workflows.deployment import activity_calls
from workflows.deployment.workflow import DeploymentTask

SAVED = sorted(FOLDER.glob("*.json"))
SCENARIOS = {
    "at_gates",
    "cancelled_while_waiting",
    "continued",
    "deleted",
    "deployed",
    "over_budget",
    "partially_failed",
    "partly_rolled_back",
    "rescheduled",
    "retried",
    "rolled_back",
    "stopped",
}


@workflow.defn(name="DeploymentTask")
class Diverged(DeploymentTask):
    """Counts outcomes first, which no saved task does.

    A timer would not do: a run that continues a waiting task begins with one as well.
    """

    @workflow.init
    def __init__(self, task: TaskInput) -> None:
        super().__init__(task)

    @workflow.run
    async def run(self, task: TaskInput) -> TaskStatus:
        await activity_calls.count_outcomes(task.task_id)
        return await super().run(task)


def build_replayer(kind: type[DeploymentTask]) -> Replayer:
    """Without the SDK's sandbox, as in the worker."""
    return Replayer(
        workflows=[kind],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


def read_history(path: Path) -> WorkflowHistory:
    saved = json.loads(path.read_text())
    started = saved["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], saved)


def test_every_scenario_is_saved() -> None:
    assert {path.name.partition(".")[0] for path in SAVED} == SCENARIOS


def test_a_saved_task_went_on_with_a_new_history() -> None:
    assert (FOLDER / "continued.2.json").exists()


@pytest.mark.parametrize("path", SAVED, ids=[path.stem for path in SAVED])
async def test_a_task_of_an_earlier_version_goes_on(path: Path) -> None:
    await build_replayer(DeploymentTask).replay_workflow(read_history(path))


@pytest.mark.parametrize("path", SAVED, ids=[path.stem for path in SAVED])
async def test_a_workflow_that_decides_otherwise_is_found(path: Path) -> None:
    with pytest.raises(NondeterminismError):
        await build_replayer(Diverged).replay_workflow(read_history(path))
