"""Fixtures for the real Temporal server: one in real time, one that skips time."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from starter.temporal.processes import find_temporal_binary
from workflows import search_attributes

__all__ = ["engine", "server", "skipping_engine"]


@pytest.fixture
async def engine(server: Client) -> AsyncIterator[Client]:
    """A client of a real server; workflows that the test leaves open are terminated."""
    yield server
    async for running in server.list_workflows("ExecutionStatus = 'Running'"):
        await server.get_workflow_handle(running.id).terminate("its test has ended")


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Client]:
    """A real server in memory, one for all tests."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal_binary(),
        data_converter=pydantic_data_converter,
        search_attributes=search_attributes.ALL,
        dev_server_extra_args=["--headless"],
        dev_server_log_level="error",
    ) as environment:
        yield environment.client


@pytest.fixture(scope="session")
async def skipping_engine() -> AsyncIterator[WorkflowEnvironment]:
    """A real server that skips time: 30 days pass in a second."""
    async with await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=find_temporal_binary(),
        data_converter=pydantic_data_converter,
        search_attributes=search_attributes.ALL,
        dev_server_extra_args=[
            "--headless",
            "--dynamic-config-value",
            "frontend.WorkflowTimeSkippingEnabled=true",
        ],
    ) as environment:
        yield environment
