"""A worker of another release and one of this: what one has begun, the other one finishes.

`python -m tests.chaos.upgrade REF` takes the other release's code from git, by default that of the
last commit. It is not part of `make test`: a shallow or exported tree has no former commit.
"""

import asyncio
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus
from starter.requests import tasks
from starter.temporal.client import register_search_attributes
from tests.chaos.recording_ca import Issuing
from tests.chaos.site import Site, Worker, running_site
from tests.support.practice_cloud import ROOT

SCALE = 44
PATIENCE = 90.0
SOME = 5


def code_of(ref: str, folder: Path) -> Path:
    """The tree of a commit, without touching the one that is worked in."""
    made = subprocess.run(
        ["git", "-C", str(ROOT), "archive", ref], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(made)) as packed:
        packed.extractall(folder, filter="data")
    return folder


async def handed_over(ca: Issuing, other: Path, *, forward: bool) -> str:
    """A task begun by one release, whose worker is then ended; how the other one ended it."""
    with (
        tempfile.TemporaryDirectory(prefix="certroll-upgrade-") as folder,
        running_site(Path(folder), ca, scale=SCALE, workers=0) as site,
    ):
        first = site.add_worker(other if forward else None)
        task = await _begun(site)
        if not await _reached(site, task, SOME):
            return f"the first worker does nothing: {_log(site, first)}"
        site.kill_worker(first)
        second = site.add_worker(None if forward else other)
        ended = await _ended(site, task)
        return ended or f"it waits: {_log(site, second)}"


async def _begun(site: Site) -> TaskRecord:
    stack = site.stack
    resources = await asyncio.to_thread(stack.sync_all)
    stack.grant_quota(SCALE)
    plan = await asyncio.to_thread(stack.build_plan, *stack.upload_successors(resources))
    site.cloud.set_latency(60.0)
    client = await site.client()
    await register_search_attributes(client)
    return await stack.create_task(client, plan, concurrency=4)


async def _reached(site: Site, task: TaskRecord, count: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while site.stack.store.tasks.outcomes.get_tally(task.id).deployed < count:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


async def _ended(site: Site, task: TaskRecord) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            record = await site.stack.wait_ended(task)
    except TimeoutError:
        return None
    left = site.stack.store.tasks.outcomes.list(task.id)
    bad = [str(each.cause) for each in left if each.status is not OutcomeStatus.DEPLOYED]
    await tasks.rollback(await site.client(), record, None, "upgrade", "chaos")
    return f"{record.status}, {record.tally.deployed} deployed{'; ' + bad[0] if bad else ''}"


def _log(site: Site, worker: Worker) -> str:
    path = site.settings.home / "logs" / f"worker-{worker.number}.log"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " | ".join(line[:300] for line in lines if "ondeterminis" in line or "Error" in line)[
        :900
    ]


async def _both(ref: str) -> None:
    ca = Issuing("upgrade")
    with tempfile.TemporaryDirectory(prefix="certroll-other-") as folder:
        other = code_of(ref, Path(folder))
        for forward in (True, False):
            way = f"begun by {ref}, finished by this" if forward else f"begun by this, by {ref}"
            sys.stdout.write(f"{way}: {await handed_over(ca, other, forward=forward)}\n")


if __name__ == "__main__":
    asyncio.run(_both(sys.argv[1] if len(sys.argv) > 1 else "HEAD"))
