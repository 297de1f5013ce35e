"""`certroll up`: everything embedded, stopped cleanly, restarted without loss."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import psutil
import pytest

from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.temporal.client import connect, count_workers
from starter.temporal.processes import find_free_port
from storage.settings import Settings
from tests.support.stack import Stack


class Up:
    """One `certroll up` as a person starts it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        ours = {k: v for k, v in os.environ.items() if not k.startswith("CERTROLL_")}
        ports = ["--port", str(find_free_port()), "--web-port", str(find_free_port())]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "starter.cli", "up", *ports],
            env={
                **ours,
                "CERTROLL_HOME": str(settings.home),
                "CERTROLL_DATABASE_URL": settings.get_database_url(),
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if line.startswith("Ready."):
                return
        self.process.wait(40)
        self.process.stdout.close()
        raise AssertionError("".join(self.output))

    @property
    def addresses(self) -> dict[str, str]:
        """What it wrote for the other commands."""
        return dict(json.loads((self.settings.home / "up.json").read_text()))

    def children(self) -> list[psutil.Process]:
        """Temporal and the worker."""
        return psutil.Process(self.process.pid).children()

    def end(self, how: signal.Signals) -> int:
        """The exit code after this signal."""
        self.process.send_signal(how)
        code = self.process.wait(40)
        assert self.process.stdout is not None
        self.output += self.process.stdout.readlines()
        self.process.stdout.close()
        return code


@contextmanager
def up(stack: Stack) -> Iterator[Up]:
    """Runs beside the stack, on its folder and database."""
    running = Up(stack.settings)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGTERM)


def wait_for(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.05)


async def test_it_serves_stops_on_ctrl_c_and_goes_on_with_what_waited(stack: Stack) -> None:
    stack.seed_domains("www.example.com")
    new = stack.upload("new", "www.example.com")
    stack.grant_quota(1)
    with up(stack) as first:
        assert httpx2.get(first.addresses["web"], trust_env=False).status_code < 400
        client = await connect(stack.settings)
        task = await stack.create_task(client, stack.build_plan(new), delay=timedelta(days=30))
        children = first.children()
        assert first.end(signal.SIGINT) == 0
        assert "Stopped." in "".join(first.output)
        assert not any(child.is_running() for child in children)
        assert not (stack.settings.home / "up.json").exists()
    with up(stack) as second:
        client = await connect(stack.settings)
        await tasks.reschedule(client, task, datetime.now(UTC))
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
        assert second.end(signal.SIGTERM) == 0
    assert stack.get_served("www.example.com") == new.fingerprint


async def test_a_worker_that_dies_is_started_again(stack: Stack) -> None:
    with up(stack) as running:
        (worker,) = _list_workers(running)
        worker.kill()
        wait_for(lambda: any(other != worker for other in _list_workers(running)))
        client = await connect(stack.settings)
        assert await count_workers(client) >= 1


def test_a_second_one_for_the_same_folder_is_refused(stack: Stack) -> None:
    with up(stack), pytest.raises(AssertionError, match="another `certroll up` runs"):
        Up(stack.settings)


def test_killed_outright_it_leaves_no_child_behind(stack: Stack) -> None:
    with up(stack) as running:
        children = running.children()
        assert len(children) == 2
        running.end(signal.SIGKILL)
        wait_for(lambda: not any(child.is_running() for child in children))


def _list_workers(running: Up) -> list[psutil.Process]:
    alive = [c for c in running.children() if c.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "worker" in child.cmdline()]
