"""Creating tasks on a new server, and starting tasks that have no workflow."""

from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from domain.rollout.policy import RolloutPolicy
from domain.tasks.messages import TaskInput, build_workflow_id
from domain.tasks.spec import TaskSpec
from starter.requests.task_draft import build_draft, build_scheduled_task
from starter.requests.tasks import start_unstarted
from starter.temporal.processes import find_temporal_binary
from tests.support.factory import DAY
from tests.support.stack import Stack
from workflows import search_attributes


async def test_a_server_that_no_worker_has_met_takes_a_task(stack: Stack) -> None:
    stack.seed_domains("www.example.com")
    plan = stack.build_plan(stack.upload("new", "www.example.com"))
    stack.grant_quota(1)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal_binary(),
        data_converter=pydantic_data_converter,
        dev_server_extra_args=["--headless"],
        dev_server_log_level="error",
    ) as environment:
        client: Client = environment.client
        task = await stack.create_task(client, plan)
        about = await client.get_workflow_handle(build_workflow_id(task.id)).describe()
    assert about.typed_search_attributes.get(search_attributes.STATUS) == "scheduled"


async def test_a_forgotten_task_starts_with_the_policy_that_was_requested(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.grant_quota(2)
    by_hand = RolloutPolicy(canary_resources=("main/alibaba.cdn/b.example.com",), gate=True)
    later = datetime.now(UTC) + DAY
    spec = TaskSpec(
        name="forgotten",
        plan=plan,
        at=later,
        created_by="tester",
        rollback_days=3,
        concurrency=7,
        rollout=by_hand,
    )
    record, _ = build_scheduled_task(stack.store, build_draft(spec), plan)
    stack.store.tasks.create(record, plan)  # and the client is killed here
    assert await start_unstarted(stack.store, engine) == 1
    handle = engine.get_workflow_handle(build_workflow_id(record.id))
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    (given,) = await pydantic_data_converter.decode(started.input.payloads, [TaskInput])
    assert (given.concurrency, given.rollout, given.waves) == (7, by_hand, 2)
    assert given.rollback_until == later + 3 * DAY
