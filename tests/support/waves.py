"""Tasks in waves for tests: a canary of one resource, then two waves of two."""

import asyncio
from typing import Any

from temporalio.client import Client

from domain.rollout.policy import RolloutPolicy, Size
from domain.tasks.messages import Progress
from domain.tasks.record import TaskRecord
from starter.requests import tasks
from tests.support.stack import ACCOUNT, SERVICE, Stack

SET = "SetCdnDomainSSLCertificate"
NAMES = [f"n{number}.example.com" for number in range(5)]


def build_rollout(**more: Any) -> RolloutPolicy:
    """The canary is the first name; the others go two by two."""
    first = (f"{ACCOUNT}/{SERVICE}/{NAMES[0]}",)
    return RolloutPolicy(canary_resources=first, waves=(Size(count=2),), **more)


async def create_in_waves(stack: Stack, client: Client, **policy: Any) -> TaskRecord:
    """A task of five resources in three waves, with quota for just these."""
    stack.seed_domains(*NAMES)
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(len(NAMES))
    contacts = policy.pop("contacts", ())
    return await stack.create_task(
        client,
        stack.build_plan(new),
        name="waves",
        contacts=contacts,
        rollout=build_rollout(**policy),
    )


async def wait_until(client: Client, task: TaskRecord, waits_for: str) -> Progress:
    """The progress of the task once it waits for this."""
    async with asyncio.timeout(30):
        while True:
            progress = await tasks.progress(client, task)
            assert progress is not None
            if waits_for in (progress.waits_for or ""):
                return progress
            await asyncio.sleep(0.05)


def list_changed(stack: Stack) -> set[str]:
    """The names that serve another certificate than before."""
    return {name for name in NAMES if stack.get_served(name) != stack.fingerprints_before[name]}
