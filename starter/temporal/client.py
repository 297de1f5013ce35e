"""The one place that connects to Temporal."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import CertrollError
from domain.tasks.messages import TASK_QUEUE
from storage.settings import Settings
from workflows import search_attributes

DEFAULT_ADDRESS = "127.0.0.1:7233"
UP_FILE = "up.json"

# A worker asks for work, and is answered after a minute at the latest.
LONGEST_POLL = timedelta(seconds=75)


class EngineUnreachable(CertrollError):
    """Temporal does not answer at this address."""

    def __init__(self, address: str, otherwise: str = "") -> None:
        self.address = address
        super().__init__(
            f"Temporal does not answer at {address}. Start it with `certroll up`, or set "
            f"CERTROLL_TEMPORAL_ADDRESS to where it runs.{otherwise and ' '}{otherwise}"
        )

    def but(self, otherwise: str) -> Self:
        """The same, with what else could be done."""
        return type(self)(self.address, otherwise)


class NoWorker(EngineUnreachable):
    """Temporal answers, but nobody takes work from it."""

    def __init__(self, address: str, otherwise: str = "") -> None:
        self.address = address
        CertrollError.__init__(
            self,
            f"Temporal answers at {address}, but no worker takes work there. Start one with "
            f"`certroll up` or `certroll-worker`.{otherwise and ' '}{otherwise}",
        )


def up_file(settings: Settings) -> Path:
    """Where a running `certroll up` writes its addresses."""
    return settings.home / UP_FILE


def address(settings: Settings) -> str:
    """The setting, else that of a running `certroll up`, else Temporal's usual one."""
    if settings.temporal_address:
        return settings.temporal_address
    try:
        return str(json.loads(up_file(settings).read_text())["temporal"])
    except (OSError, ValueError, KeyError):
        return DEFAULT_ADDRESS


def web_address(settings: Settings) -> str | None:
    """The Web UI of a running `certroll up`; None where it is not known."""
    try:
        return str(json.loads(up_file(settings).read_text())["web"])
    except (OSError, ValueError, KeyError):
        return None


async def connect(settings: Settings) -> Client:
    """A client that speaks our payloads; raises EngineUnreachable."""
    target = address(settings)
    try:
        return await Client.connect(
            target,
            namespace=settings.temporal_namespace,
            data_converter=pydantic_data_converter,
        )
    except RuntimeError as error:
        raise EngineUnreachable(target) from error


async def register_search_attributes(client: Client) -> None:
    """Makes our search attributes known to the namespace; those that are there stay."""
    service = client.operator_service
    known = await service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = {
        key.name: IndexedValueType.ValueType(int(key.indexed_value_type))
        for key in search_attributes.ALL
        if key.name not in known.custom_attributes
    }
    if not missing:
        return
    try:
        await service.add_search_attributes(
            AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def workers(client: Client) -> int:
    """Those that asked for work lately: the server remembers for minutes those that have ended."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request)
    asked = [poller.last_access_time.ToDatetime(UTC) for poller in answer.pollers]
    return sum(datetime.now(UTC) - when < LONGEST_POLL for when in asked)
