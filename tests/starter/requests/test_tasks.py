"""Asking for a task on an engine that is new to us."""

from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from domain.rollout.policy import Rollout
from domain.tasks.messages import TaskInput, workflow_id
from domain.tasks.record import Draft
from starter.requests.task_draft import drafted, schedule
from starter.requests.tasks import start_forgotten
from starter.temporal.processes import temporal_binary
from tests.support.factory import DAY
from tests.support.house import House
from workflows import search_attributes


async def test_a_server_that_no_worker_has_met_takes_a_task(house: House) -> None:
    house.domains("www.example.com")
    plan = house.plan(house.upload("new", "www.example.com"))
    house.grant(1)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary(),
        data_converter=pydantic_data_converter,
        dev_server_extra_args=["--headless"],
        dev_server_log_level="error",
    ) as environment:
        client: Client = environment.client
        task = await house.create(client, plan)
        about = await client.get_workflow_handle(workflow_id(task.id)).describe()
    assert about.typed_search_attributes.get(search_attributes.STATUS) == "scheduled"


async def test_a_forgotten_task_starts_with_the_policy_that_was_asked_for(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", "b.example.com")
    plan = house.plan(house.upload("new", "*.example.com"))
    house.grant(2)
    by_hand = Rollout(canary_resources=("main/alibaba.cdn/b.example.com",), gate=True)
    later, asked = datetime.now(UTC) + DAY, Draft(rollback_days=3)
    draft = drafted(
        name="forgotten",
        plan=plan,
        contacts=(),
        at=later,
        created_by="tester",
        asked=asked,
        concurrency=7,
        rollout=by_hand,
    )
    record, _ = schedule(house.store, draft, plan)
    house.store.tasks.create(record, plan)  # and whoever asked is killed here
    assert await start_forgotten(house.store, engine) == 1
    handle = engine.get_workflow_handle(workflow_id(record.id))
    started = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    (given,) = await pydantic_data_converter.decode(started.input.payloads, [TaskInput])
    assert (given.concurrency, given.rollout, given.waves) == (7, by_hand, 2)
    assert given.rollback_until == later + 3 * DAY
