"""Connects to Temporal: for starter/requests, the CLI and worker.py."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import CertrollError
from domain.tasks.messages import TASK_QUEUE
from storage.settings import Settings
from workflows import search_attributes
from workflows.policies import WORKER_POLL

# What the CLI may know of the SDK: it imports these from here, never from temporalio.
__all__ = ["Client", "RPCError"]

DEFAULT_ADDRESS = "127.0.0.1:7233"
UP_FILE = "up.json"


class EngineUnreachable(CertrollError):
    """Temporal does not answer at this address."""

    def __init__(self, address: str, alternative: str = "") -> None:
        self.address = address
        super().__init__(
            f"Temporal does not answer at {address}. Start it with `certroll up`, or set "
            f"CERTROLL_TEMPORAL_ADDRESS to where it runs.{alternative and ' '}{alternative}"
        )

    def with_alternative(self, alternative: str) -> Self:
        """The same error, with an alternative for the user."""
        return type(self)(self.address, alternative)


class NoWorker(EngineUnreachable):
    """Temporal answers, but no worker takes work from it."""

    def __init__(self, address: str, alternative: str = "") -> None:
        self.address = address
        CertrollError.__init__(
            self,
            f"Temporal answers at {address}, but no worker takes work there. Start one with "
            f"`certroll up` or `certroll-worker`.{alternative and ' '}{alternative}",
        )


def get_up_file(settings: Settings) -> Path:
    """Where a running `certroll up` writes its addresses."""
    return settings.home / UP_FILE


def get_address(settings: Settings) -> str:
    """The setting, else that of a running `certroll up`, else Temporal's usual one."""
    if settings.temporal_address:
        return settings.temporal_address
    try:
        return str(json.loads(get_up_file(settings).read_text())["temporal"])
    except (OSError, ValueError, KeyError):
        return DEFAULT_ADDRESS


def get_web_address(settings: Settings) -> str | None:
    """The Web UI of a running `certroll up`, None if unknown."""
    try:
        return str(json.loads(get_up_file(settings).read_text())["web"])
    except (OSError, ValueError, KeyError):
        return None


async def connect(settings: Settings) -> Client:
    """A client with our payload converter; raises EngineUnreachable."""
    target = get_address(settings)
    try:
        return await Client.connect(
            target,
            namespace=settings.temporal_namespace,
            data_converter=pydantic_data_converter,
        )
    except RuntimeError as error:
        raise EngineUnreachable(target) from error


async def register_search_attributes(client: Client) -> None:
    """Adds our missing search attributes to the namespace."""
    names = await list_missing_search_attributes(client)
    missing = {
        key.name: IndexedValueType.ValueType(int(key.indexed_value_type))
        for key in search_attributes.ALL
        if key.name in names
    }
    if not missing:
        return
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def list_missing_search_attributes(client: Client) -> list[str]:
    """Lists the names of our search attributes that the namespace lacks."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(request)).custom_attributes
    return [key.name for key in search_attributes.ALL if key.name not in known]


async def get_server_version(client: Client) -> str:
    answer = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    return str(answer.server_version)


async def is_workflow_closed(client: Client, workflow_id: str) -> bool:
    described = await client.get_workflow_handle(workflow_id).describe()
    open_states = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
    return described.status not in open_states


async def count_workers(client: Client) -> int:
    """Workers that polled lately; the server lists workers for minutes after they have ended."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request)
    polled = [poller.last_access_time.ToDatetime(UTC) for poller in answer.pollers]
    return sum(datetime.now(UTC) - when < WORKER_POLL for when in polled)
