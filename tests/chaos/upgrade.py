"""Begins a task with the worker of one release and finishes it with that of another, and reverse.

`python -m tests.chaos.upgrade REF` takes the other release from git, by default the last commit.
`make test` does not run it: a shallow or exported tree has no other commit.
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
from tests.chaos.recording_ca import RecordingCA
from tests.chaos.site import Site, Worker, running_site
from tests.support.practice_cloud import ROOT

SCALE = 44
TIMEOUT = 90.0
SOME = 5  # deployed changes before the first worker is killed


def extract_code(ref: str, folder: Path) -> Path:
    """Extract a commit into `folder`; the working tree stays as it is."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", ref], capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder


async def run_across_releases(ca: RecordingCA, other: Path, *, forward: bool) -> str:
    """Begin a task with one release, kill its worker, and return how the other one ended it."""
    with (
        tempfile.TemporaryDirectory(prefix="certroll-upgrade-") as folder,
        running_site(Path(folder), ca, scale=SCALE, workers=0) as site,
    ):
        first = site.add_worker(other if forward else None)
        task = await _begin_task(site)
        if not await _wait_deployed(site, task, SOME):
            return f"the first worker did not deploy {SOME} changes: {_read_errors(site, first)}"
        site.kill_worker(first)
        second = site.add_worker(None if forward else other)
        ended = await _wait_ended(site, task)
        return ended or f"the task has not ended: {_read_errors(site, second)}"


async def _begin_task(site: Site) -> TaskRecord:
    stack = site.stack
    resources = await asyncio.to_thread(stack.sync_all)
    stack.grant_quota(SCALE)
    plan = await asyncio.to_thread(stack.build_plan, *stack.upload_successors(resources))
    site.cloud.set_latency(60.0)
    client = await site.client()
    await register_search_attributes(client)
    return await stack.create_task(client, plan, concurrency=4)


async def _wait_deployed(site: Site, task: TaskRecord, count: int) -> bool:
    deadline = time.monotonic() + TIMEOUT
    while site.stack.store.tasks.outcomes.get_tally(task.id).deployed < count:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


async def _wait_ended(site: Site, task: TaskRecord) -> str | None:
    try:
        async with asyncio.timeout(TIMEOUT):
            record = await site.stack.wait_ended(task)
    except TimeoutError:
        return None
    outcomes = site.stack.store.tasks.outcomes.list(task.id)
    bad = [str(each.cause) for each in outcomes if each.status is not OutcomeStatus.DEPLOYED]
    await tasks.rollback(await site.client(), record, None, "upgrade", "chaos")
    return f"{record.status}, {record.tally.deployed} deployed{'; ' + bad[0] if bad else ''}"


def _read_errors(site: Site, worker: Worker) -> str:
    path = site.settings.home / "logs" / f"worker-{worker.number}.log"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " | ".join(line[:300] for line in lines if "ondeterminis" in line or "Error" in line)[
        :900
    ]


async def _run_both(ref: str) -> None:
    ca = RecordingCA("upgrade")
    with tempfile.TemporaryDirectory(prefix="certroll-other-") as folder:
        other = extract_code(ref, Path(folder))
        for forward in (True, False):
            order = f"{ref}, then this" if forward else f"this, then {ref}"
            sys.stdout.write(f"{order}: {await run_across_releases(ca, other, forward=forward)}\n")


if __name__ == "__main__":
    asyncio.run(_run_both(sys.argv[1] if len(sys.argv) > 1 else "HEAD"))
