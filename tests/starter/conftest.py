"""The command line as tests use it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from starter.temporal.processes import find_temporal_binary
from tests.support.command_line import CommandLine


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CERTROLL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def certroll(sqlite_url: str, tmp_path: Path) -> CommandLine:
    """The command with a home of this test's own, whose database is migrated."""
    return CommandLine(tmp_path / "home")


@pytest.fixture
async def quiet_engine() -> AsyncIterator[Client]:
    """A server of this test's own: no worker was ever seen there, nothing is registered."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal_binary(),
        data_converter=pydantic_data_converter,
        dev_server_extra_args=["--headless"],
        dev_server_log_level="error",
    ) as environment:
        yield environment.client
