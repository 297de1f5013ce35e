"""Tasks in waves, for tests: one resource as the canary, then two waves of two."""

import asyncio
from typing import Any

from temporalio.client import Client

from domain.rollout.policy import Rollout, Size
from domain.tasks.messages import Progress
from domain.tasks.record import TaskRecord
from starter.requests import tasks
from tests.support.house import ACCOUNT, SERVICE, House

SET = "SetCdnDomainSSLCertificate"
NAMES = [f"n{number}.example.com" for number in range(5)]


def rollout(**more: Any) -> Rollout:
    """The canary is the first name; the others go two by two."""
    first = (f"{ACCOUNT}/{SERVICE}/{NAMES[0]}",)
    return Rollout(canary_resources=first, waves=(Size(count=2),), **more)


async def in_waves(house: House, client: Client, **policy: Any) -> TaskRecord:
    """A task of five resources in three waves, with quota for just these."""
    house.domains(*NAMES)
    new = house.upload("new", "*.example.com")
    house.grant(len(NAMES))
    contacts = policy.pop("contacts", ())
    return await house.create(
        client, house.plan(new), name="waves", contacts=contacts, rollout=rollout(**policy)
    )


async def when(client: Client, task: TaskRecord, waits_for: str) -> Progress:
    """How the task stands once it waits for this."""
    async with asyncio.timeout(30):
        while True:
            told = await tasks.progress(client, task)
            assert told is not None
            if waits_for in (told.waits_for or ""):
                return told
            await asyncio.sleep(0.05)


def changed(house: House) -> set[str]:
    """The names that do not serve what they did before."""
    return {name for name in NAMES if house.served(name) != house.former[name]}
