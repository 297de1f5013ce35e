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
from starter.cli.inventory.sync import ALTERNATIVE
from tests.support.command_line import CommandLine, list_numbers
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.syncs import run_worker

SYNC = ("inventory", "sync", "--service", SERVICE)
LIST = "DescribeUserDomains"
NO_CALLS = ("--check", "C13=off", "--check", "C14=off")
PLAN = ("plan", "create", "-c", "wild", "--all-matched", *NO_CALLS)
NOWHERE = "127.0.0.1:1"


class ThreadedCommandLine:
    """Runs the command line in a thread, beside a worker."""

    def __init__(self, stack: Stack, address: str) -> None:
        self.stack = stack
        self.line = CommandLine(stack.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": address})

    async def __call__(self, *words: str, code: int = 0) -> Result:
        return await asyncio.to_thread(self.line, *words, code=code)

    async def json(self, *words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(self.line.json, *words, code=code)


@pytest.fixture
async def certroll(stack: Stack, engine: Client) -> AsyncIterator[ThreadedCommandLine]:
    """Two domains that are not known yet, and a worker."""
    seed_unknown(stack, "a.example.com", "b.example.com")
    async with run_worker(stack, engine):
        yield ThreadedCommandLine(stack, engine.service_client.config.target_host)


def seed_unknown(stack: Stack, *names: str) -> None:
    domains = [{"name": name, "certificate": None} for name in names]
    stack.cloud.seed("cdn", account=stack.key_id, domains=domains)


def sync_in_the_past(stack: Stack, monkeypatch: pytest.MonkeyPatch, ago: timedelta) -> None:
    """Syncs the inventory as if that long ago."""
    then = datetime.now(UTC) - ago
    monkeypatch.setattr(service_sync, "now", lambda: then)
    stack.seed_domains("www.example.com")
    stack.upload("wild", "*.example.com")
    monkeypatch.undo()


def find_note(text: str) -> str:
    """Finds the only line about the service and account of these tests."""
    (note,) = (line for line in text.splitlines() if f"{SERVICE} of {ACCOUNT} " in line)
    return note


async def test_a_sync_prints_its_results_and_stores_its_status(
    certroll: ThreadedCommandLine,
) -> None:
    _, row = (await certroll(*SYNC)).stdout.splitlines()
    assert row.split() == [ACCOUNT, SERVICE, "2", "0", "complete"]
    _, row = (await certroll("inventory", "status")).stdout.splitlines()
    assert row.split()[:2] == [ACCOUNT, SERVICE]
    assert row.split()[-4:] == ["complete", "0", "min", "ago"]
    (status,) = await certroll.json("inventory", "status", "--account", ACCOUNT)
    assert (status["seen"], status["total"], status["error"]) == (2, 2, None)
    assert status["complete_at"] == status["began_at"]


async def test_a_failed_service_is_exit_code_3(certroll: ThreadedCommandLine) -> None:
    certroll.stack.cloud.add_fault("error", LIST, code="Forbidden.RAM", status=403)
    result = await certroll(*SYNC, code=3)
    assert list_numbers(result.stderr.splitlines()[-1]) == [1, 1]
    (found,) = await certroll.json(*SYNC, code=3)
    assert found["error"]["code"] == "Forbidden.RAM"
    line = (await certroll("inventory", "status")).stdout.splitlines()[-1]
    assert "Forbidden.RAM" in line
    assert line.endswith("never")


async def test_a_retried_service_is_noted_once(certroll: ThreadedCommandLine) -> None:
    certroll.stack.cloud.add_fault("reset", LIST, count=2)
    result = await certroll(*SYNC)
    notes = [line for line in result.stderr.splitlines() if "ConnectionLost" in line]
    assert [note.startswith(f"{SERVICE} of {ACCOUNT} ") for note in notes] == [True]
    (status,) = await certroll.json("inventory", "status")
    assert (status["seen"], status["error"]) == (2, None)


async def test_no_wait_only_starts_a_sync(certroll: ThreadedCommandLine, engine: Client) -> None:
    (started,) = await certroll.json(*SYNC, "--no-wait")
    assert started == {"account": ACCOUNT, "workflow_id": workflow_id(ACCOUNT)}
    text = (await certroll(*SYNC, "--no-wait")).stdout
    assert ACCOUNT in text
    assert "certroll inventory status" in text
    (found,) = await engine.get_workflow_handle(workflow_id(ACCOUNT)).result()
    assert found["seen"] == 2


async def test_ctrl_c_ends_only_the_waiting(certroll: ThreadedCommandLine, engine: Client) -> None:
    slow = certroll.stack.cloud.add_fault("hang", LIST, count=1, seconds=3)
    code, errors = await asyncio.to_thread(_interrupt_sync, certroll, slow)
    assert code == 130
    assert "certroll inventory status" in errors
    (found,) = await engine.get_workflow_handle(workflow_id(ACCOUNT)).result()
    assert found["seen"] == 2


def _interrupt_sync(certroll: ThreadedCommandLine, fault: int) -> tuple[int, str]:
    """Interrupts a sync with Ctrl-C during the listing; returns exit code and messages."""
    env = {**os.environ, **certroll.line.env}
    command = [sys.executable, "-m", "starter.cli", *SYNC]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        while not certroll.stack.cloud.count_hits(fault) and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    return child.returncode, errors


def test_without_temporal_a_sync_is_refused_with_an_alternative(stack: Stack) -> None:
    error = ThreadedCommandLine(stack, NOWHERE).line.error(*SYNC, code=4)
    assert error["code"] == "temporal-unreachable"
    assert all(part in error["what"] for part in (NOWHERE, "certroll up", ALTERNATIVE))


async def test_an_old_inventory_is_synced_before_a_plan(
    certroll: ThreadedCommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = certroll.stack
    sync_in_the_past(stack, monkeypatch, timedelta(hours=9))
    seed_unknown(stack, "new.example.com")
    assert SERVICE not in (await certroll(*PLAN)).stderr
    known = [each.resource.key for each in stack.store.inventory.list()]
    assert "new.example.com" in known
    before = stack.cloud.count_calls()["cdn." + LIST]
    await certroll(*PLAN)
    assert stack.cloud.count_calls()["cdn." + LIST] == before, "the inventory is fresh now"


async def test_a_plan_notes_the_age_of_a_service_that_cannot_be_synced(
    certroll: ThreadedCommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = certroll.stack
    sync_in_the_past(stack, monkeypatch, timedelta(hours=9))
    stack.cloud.add_fault("error", LIST, code="Forbidden.RAM", status=403)
    note = find_note((await certroll(*PLAN)).stderr)
    assert " 9 h " in note
    assert "Forbidden.RAM" in note
    hits = stack.cloud.count_calls()["cdn." + LIST]
    assert find_note((await certroll(*PLAN)).stderr) == note
    assert stack.cloud.count_calls()["cdn." + LIST] == hits, (
        "the service is not called again so soon"
    )


def test_a_plan_without_temporal_notes_how_old_the_inventory_is(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_in_the_past(stack, monkeypatch, timedelta(days=3))
    note = find_note(ThreadedCommandLine(stack, NOWHERE).line(*PLAN).stderr)
    assert " 3 days " in note
    assert NOWHERE in note
