"""`certroll inventory sync` and `status` with the real engine, and the sync before a plan."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from typer.testing import Result

from domain.resources.inventory_sync import workflow_id
from operations.inventory import service_sync
from tests.support.command_line import CommandLine
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.syncs import run_worker

SYNC = ("inventory", "sync", "--service", SERVICE)
LIST = "DescribeUserDomains"
NO_CALLS = ("--check", "C13=off", "--check", "C14=off")
PLAN = ("plan", "create", "-c", "wild", "--all-matched", *NO_CALLS)
NOWHERE = "127.0.0.1:1"


class Line:
    """The command line in a thread, beside a worker."""

    def __init__(self, stack: Stack, address: str) -> None:
        self.stack = stack
        self.line = CommandLine(stack.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": address})

    async def __call__(self, *words: str, code: int = 0) -> Result:
        return await asyncio.to_thread(self.line, *words, code=code)

    async def json(self, *words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(self.line.json, *words, code=code)


@pytest.fixture
async def certroll(stack: Stack, engine: Client) -> AsyncIterator[Line]:
    """Two domains that are not known yet, and a worker."""
    seed(stack, "a.example.com", "b.example.com")
    async with run_worker(stack, engine):
        yield Line(stack, engine.service_client.config.target_host)


def seed(stack: Stack, *names: str) -> None:
    domains = [{"name": name, "certificate": None} for name in names]
    stack.cloud.seed("cdn", account=stack.key_id, domains=domains)


def walked(stack: Stack, monkeypatch: pytest.MonkeyPatch, ago: timedelta) -> None:
    """A walk that is as old as that."""
    then = datetime.now(UTC) - ago
    monkeypatch.setattr(service_sync, "now", lambda: then)
    stack.seed_domains("www.example.com")
    stack.upload("wild", "*.example.com")
    monkeypatch.undo()


async def test_a_sync_ends_with_a_table_and_its_status_is_kept(certroll: Line) -> None:
    told = await certroll(*SYNC)
    lines = [line.split() for line in told.stdout.splitlines()]
    assert lines == [
        ["ACCOUNT", "SERVICE", "RESOURCES", "BINDINGS", "READ", "NEWLY", "GONE", "RESULT"],
        [ACCOUNT, SERVICE, "2", "0", "fine"],
    ]
    header, line = (await certroll("inventory", "status")).stdout.splitlines()
    assert header.split()[-3:] == ["KNOWN", "AS", "OF"]
    assert line.split()[:2] == [ACCOUNT, SERVICE]
    assert line.endswith("fine    0 min ago")
    (status,) = await certroll.json("inventory", "status", "--account", ACCOUNT)
    assert (status["seen"], status["total"], status["error"]) == (2, 2, None)
    assert status["complete_at"] == status["began_at"]


async def test_a_service_that_fails_is_code_3(certroll: Line) -> None:
    certroll.stack.cloud.add_fault("error", LIST, code="Forbidden.RAM", status=403)
    told = await certroll(*SYNC, code=3)
    assert told.stderr.endswith("1 of 1 could not be listed, or read, to the end.\n")
    (found,) = await certroll.json(*SYNC, code=3)
    assert found["error"]["code"] == "Forbidden.RAM"
    line = (await certroll("inventory", "status")).stdout.splitlines()[-1]
    assert "Forbidden.RAM" in line
    assert line.endswith("never")


async def test_what_is_tried_again_is_told_once(certroll: Line) -> None:
    certroll.stack.cloud.add_fault("reset", LIST, count=2)
    told = await certroll(*SYNC)
    assert told.stderr.count(f"{SERVICE} of {ACCOUNT} is retried: ConnectionLost") == 1
    assert "fine" in told.stdout


async def test_without_waiting_it_only_begins(certroll: Line, engine: Client) -> None:
    told = await certroll(*SYNC, "--no-wait")
    assert told.stdout == "Syncs main, 1 services: certroll inventory status\n"
    (found,) = await engine.get_workflow_handle(workflow_id(ACCOUNT)).result()
    assert found["seen"] == 2


async def test_ctrl_c_ends_only_the_waiting(certroll: Line, engine: Client) -> None:
    slow = certroll.stack.cloud.add_fault("hang", LIST, count=1, seconds=3)
    code, told = await asyncio.to_thread(_interrupted, certroll, slow)
    assert code == 130
    assert "The sync continues. See its state: certroll inventory status\n" in told
    (found,) = await engine.get_workflow_handle(workflow_id(ACCOUNT)).result()
    assert found["seen"] == 2


def _interrupted(certroll: Line, fault: int) -> tuple[int, str]:
    """Exit code and messages of a sync that Ctrl-C interrupts once the walk is under way."""
    env = {**os.environ, **certroll.line.env}
    command = [sys.executable, "-m", "starter.cli", *SYNC]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        while not certroll.stack.cloud.count_hits(fault) and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=30)
    return child.returncode, told


def test_without_temporal_it_is_refused_with_what_else_to_do(stack: Stack) -> None:
    told = Line(stack, NOWHERE).line.refusal(*SYNC, code=4)
    assert told.startswith("Temporal does not answer at 127.0.0.1:1. Start it with `certroll up`")
    assert told.endswith("Or sync in this process: certroll inventory sync --here")


async def test_an_old_inventory_is_synced_before_a_plan(
    certroll: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = certroll.stack
    walked(stack, monkeypatch, timedelta(hours=9))
    seed(stack, "new.example.com")
    told = await certroll(*PLAN)
    assert "not synced" not in told.stderr
    known = [each.resource.key for each in stack.store.inventory.list()]
    assert "new.example.com" in known
    before = stack.cloud.count_calls()["cdn." + LIST]
    await certroll(*PLAN)
    assert stack.cloud.count_calls()["cdn." + LIST] == before, "it is fresh now"


async def test_what_cannot_be_synced_before_a_plan_is_told_with_its_age(
    certroll: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = certroll.stack
    walked(stack, monkeypatch, timedelta(hours=9))
    stack.cloud.add_fault("error", LIST, code="Forbidden.RAM", status=403)
    told = await certroll(*PLAN)
    line = f"{SERVICE} of {ACCOUNT} could not be listed, what is known of it is 9 h old: Forbidden"
    assert line in told.stderr
    hits = stack.cloud.count_calls()["cdn." + LIST]
    assert line in (await certroll(*PLAN)).stderr
    assert stack.cloud.count_calls()["cdn." + LIST] == hits, "it is not asked again so soon"


def test_a_plan_without_temporal_tells_how_old_the_inventory_is(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked(stack, monkeypatch, timedelta(days=3))
    told = Line(stack, NOWHERE).line(*PLAN).stderr
    assert f"{SERVICE} of {ACCOUNT} not synced first, what is known of it is 3 days old" in told
    assert "Temporal does not answer" in told
