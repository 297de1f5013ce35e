"""Asking for a task on an engine that is new to us."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from domain.task import workflow_id
from starter.processes import temporal_binary
from tests.house import House
from workflows import attributes


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
    assert about.typed_search_attributes.get(attributes.STATUS) == "scheduled"
