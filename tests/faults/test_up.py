"""Tests `certroll up` killed by SIGKILL: no process is left, and the next start continues."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.temporal.client import connect, get_up_file
from starter.temporal.processes import find_free_port
from tests.support.stack import Stack

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="children die with their parent on Linux"),
]

TIMEOUT = 30.0


class Up:
    """One `certroll up` on its own ports, ready for work."""

    def __init__(self, home: Path, log: Path) -> None:
        command = [sys.executable, "-m", "starter.cli", "up", "--port", str(find_free_port())]
        command += ["--web-port", str(find_free_port())]
        env = {**os.environ, "CERTROLL_HOME": str(home)}
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command, env=env, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Ready."):
                break
        else:
            raise AssertionError(f"it ended with {self.process.wait()}: {log.read_text()}")
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """Kill it and wait for the end of its children; AssertionError if some do not end."""
        self.process.kill()
        self.process.communicate(timeout=TIMEOUT)
        _, alive = psutil.wait_procs(self.children, timeout=TIMEOUT)
        assert alive == []

    def stop(self) -> int:
        """Stop it by Ctrl-C and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode


@contextmanager
def run_up(stack: Stack) -> Iterator[Up]:
    """Run `certroll up` until the block ends."""
    up = Up(stack.settings.home, stack.settings.home / "up.log")
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.kill()


async def create_waiting_task(stack: Stack, delay: timedelta) -> TaskRecord:
    stack.seed_domains("www.example.com")
    new = stack.upload("new", "www.example.com")
    stack.grant_quota(1)
    client = await connect(stack.settings)
    task = await stack.create_task(client, stack.build_plan(new), delay=delay)
    async with asyncio.timeout(TIMEOUT):
        while stack.store.quota.get_balance():  # once its quota is reserved, the task only waits
            await asyncio.sleep(0.05)
    return task


async def test_a_killed_up_leaves_no_process_and_the_next_one_continues(stack: Stack) -> None:
    with run_up(stack) as up:
        assert {child.name() for child in up.children} >= {"temporal"}
        assert len(up.children) >= 2
        task = await create_waiting_task(stack, timedelta(seconds=3))
        up.kill()
    assert stack.store.tasks.get(task.id).status is TaskStatus.SCHEDULED
    with run_up(stack) as up:
        for child in up.children:  # `up` restarts children that end
            child.kill()
        psutil.wait_procs(up.children, timeout=TIMEOUT)
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
        assert stack.get_served("www.example.com") != stack.fingerprints_before["www.example.com"]
        assert stack.store.quota.get_balance() == 0
        restarted = psutil.Process(up.process.pid).children(recursive=True)
        assert up.stop() == 0
        assert not any(child.is_running() for child in restarted)
    assert not get_up_file(stack.settings).exists()
