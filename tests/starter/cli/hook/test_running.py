"""A hook and an upload with the engine: what is waited for, what is moved, what is completed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from typer.testing import Result

from domain.certificates.renewal import RenewalMode, RenewalPolicy
from domain.tasks.status import TaskStatus
from tests.support.acme_files import write_certbot_files
from tests.support.command_line import CommandLine
from tests.support.renewals import HOSTS, RenewalSetup
from tests.support.stack import Stack

WILD = ("*.example.com",)


class Line(RenewalSetup):
    """The same by the command line, in a thread beside a worker."""

    def __init__(self, stack: Stack, folder: Path, engine: Client | None) -> None:
        super().__init__(stack, RenewalPolicy(mode=RenewalMode.AUTOMATIC), engine)
        self.folder = folder
        env = {"CERTROLL_TEMPORAL_ADDRESS": self.settings.temporal_address or ""}
        self.line = CommandLine(stack.settings.home, env)

    async def __call__(self, *words: str, code: int = 0, new: bool = True) -> Result:
        """The hook that certbot calls after a renewal, or once more for the same one."""
        leaf = self.issue_next() if new else self.leaf
        env = {**self.line.env, **write_certbot_files(self.folder, leaf, WILD)}
        words = ("hook", "certbot", "--name", "shop", *words)
        return await asyncio.to_thread(self.line, *words, code=code, env=env)

    async def upload(self, *words: str, code: int = 0) -> Result:
        """The same by hand."""
        place = Path(write_certbot_files(self.folder, self.issue_next(), WILD)["RENEWED_LINEAGE"])
        files = ("--certificate", f"{place}/fullchain.pem", "--key", f"{place}/privkey.pem")
        command = ("certificate", "upload", "shop", *files, "--replaces", "shop", *words)
        return await asyncio.to_thread(self.line, *command, code=code)

    def newest(self) -> Any:
        return self.stack.store.certificates.get(self.leaf.fingerprint)


@pytest.fixture
async def line(stack: Stack, engine: Client, tmp_path: Path) -> AsyncIterator[Line]:
    """Two hosts that serve what is stored, an automatic policy, quota, and a worker."""
    made = Line(stack, tmp_path, engine)
    stack.grant_quota(10)
    async with stack.run_worker(engine):
        yield made


async def test_waited_for_it_is_shown_as_done_only_when_it_is(line: Line) -> None:
    result = await line("--wait")
    (task,) = line.stack.store.tasks.list()
    assert f"task           {task.id}, 2 resources, scheduled for now\n" in result.stdout
    assert result.stdout.endswith(f"renew {line.newest().name}: succeeded (2 deployed)\n")
    assert {line.stack.get_served(host) for host in HOSTS} == {line.leaf.fingerprint}
    assert task.created_by.startswith("certbot hook of ")
    again = await line("--wait", new=False)
    assert f"task           {task.id}, 2 resources, succeeded\n" in again.stdout
    assert len(line.stack.store.tasks.list()) == 1
    assert "; it was stored before\n" in again.stdout


async def test_what_fails_is_code_5_with_its_causes(line: Line) -> None:
    line.stack.cloud.add_fault(
        "error", "SetCdnDomainSSLCertificate", resource=HOSTS[0], code="Refused", status=403
    )
    result = await line("--wait", code=5)
    assert "partially failed (1 deployed, 1 failed)" in result.stdout
    assert "Refused" in result.stdout
    line.stack.cloud.clear_faults()
    result = await line("--wait", "--json", new=False)
    assert '"name": "renew shop' in result.stdout
    assert {line.stack.get_served(host) for host in HOSTS} == {line.leaf.fingerprint}


async def test_the_time_to_wait_may_end_first(stack: Stack, engine: Client, tmp_path: Path) -> None:
    line = Line(stack, tmp_path, engine)
    stack.grant_quota(10)
    result = await line("--wait", "--timeout", "1s", code=5)
    assert result.stderr.splitlines()[-1] == "timeout: the task has not ended after 1 s"
    assert "succeeded" not in result.output


async def test_outside_a_window_it_is_scheduled_and_not_waited_for(line: Line) -> None:
    later = (datetime.now(UTC) + timedelta(hours=5)).replace(minute=0)
    until = later + timedelta(hours=1)
    times = ("--from", f"{later:%H:%M}", "--to", f"{until:%H:%M}", "--zone", "UTC")
    await asyncio.to_thread(line.line, "window", "add", "night", *times)
    result = await line("--wait", code=5)
    (task,) = line.stack.store.tasks.list()
    assert (task.status, f"{task.at:%H:%M}") == (TaskStatus.SCHEDULED, f"{later:%H:%M}")
    assert f"{task.id}, 2 resources, scheduled for {task.at.astimezone():%Y-%m-%d}" in result.stdout
    assert "\npostponed      " in result.stdout
    assert "not waiting: the task starts at " in result.stderr
    result = await line(new=False)
    assert f"{task.id}, 2 resources, scheduled for " in result.stdout
    assert len(line.stack.store.tasks.list()) == 1


async def test_without_an_engine_it_is_kept_code_4_and_the_same_call_completes_it(
    stack: Stack, engine: Client, tmp_path: Path
) -> None:
    line = Line(stack, tmp_path, None)
    stack.grant_quota(10)
    result = await line(code=4)
    name = line.newest().name
    kept, error = result.stderr.splitlines()
    assert kept.startswith(f"{name} is stored, but ")
    assert error.startswith("error: Temporal does not answer at 127.0.0.1:1")
    result = await line("--json", new=False, code=4)
    assert '"renewal": null' in result.stdout
    line.line.env["CERTROLL_TEMPORAL_ADDRESS"] = engine.service_client.config.target_host
    result = await line(new=False)
    assert "; it was stored before\n" in result.stdout
    assert "2 resources, scheduled for now\n" in result.stdout


async def test_without_quota_an_upload_is_kept_code_2_and_completed_later(
    stack: Stack, engine: Client, tmp_path: Path
) -> None:
    line = Line(stack, tmp_path, engine)
    result = await line.upload(code=2)
    assert "SHA-256     " in result.stdout
    assert "the task needs 2 deployments of quota, 0 are left" in result.stderr
    stack.grant_quota(2)
    again = ("certificate", "upload", "shop", "--replaces", "shop")
    place = line.folder / "live" / WILD[0]
    files = ("--certificate", f"{place}/fullchain.pem", "--key", f"{place}/privkey.pem")
    result = await asyncio.to_thread(line.line, *again, *files)
    assert f"stored         earlier, as {line.newest().name}\n" in result.stdout
    assert "2 resources, scheduled for now\n" in result.stdout


async def test_an_upload_proposes_a_plan_that_runs_as_it_is(line: Line) -> None:
    result = await line.upload("--policy", "propose", "--by", "ops")
    (plan,) = line.stack.store.plans.list()
    assert f"plan           {plan.id}, 2 resources, saved now\n" in result.stdout
    assert f"run it         certroll task create --plan {plan.id}\n" in result.stdout
    assert plan.created_by == "ops"
    await asyncio.to_thread(line.line, "task", "create", "--plan", plan.id, "--yes", "--wait")
    assert {line.stack.get_served(host) for host in HOSTS} == {line.leaf.fingerprint}
