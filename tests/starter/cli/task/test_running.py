"""`certroll task` with the real engine, a worker and a practice cloud, up to the rollback."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from temporalio.client import Client
from typer.testing import Result

from domain.tasks.status import TaskStatus
from starter.temporal.client import register_search_attributes
from tests.support.command_line import CommandLine
from tests.support.stack import Stack

HOSTS = ("a.example.com", "b.example.com")
CREATE = ("task", "create", "-c", "wild", "--all-matched", "--name", "autumn", "--yes")


class Running:
    """The command line in a thread, beside a worker."""

    def __init__(self, stack: Stack, client: Client) -> None:
        address = client.service_client.config.target_host
        self.stack = stack
        self.line = CommandLine(stack.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": address})

    async def __call__(self, *words: str, code: int = 0) -> Result:
        return await asyncio.to_thread(self.line, *words, code=code)

    async def json(self, *words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(self.line.json, *words, code=code)


@pytest.fixture
async def running(stack: Stack, engine: Client) -> AsyncIterator[Running]:
    """Two domains, a certificate that fits both, quota, and a worker."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(10)
    async with stack.run_worker(engine):
        yield Running(stack, engine)


async def test_a_task_is_created_and_waited_for(running: Running) -> None:
    digest = (await running.json("plan", "create", "-c", "wild", "--all-matched"))["digest"]
    result = await running(*CREATE, "--digest", digest[:12], "--at", "2026-01-01 12:00", "--wait")
    assert "this time has passed: starts now" in result.stdout
    (record,) = running.stack.store.tasks.list()
    assert f"task       {record.id}\n" in result.stdout
    assert f"workflow   deployment-{record.id}\n" in result.stdout
    assert f"roll back  certroll task rollback {record.id} --reason '...'\n" in result.stdout
    assert result.stdout.endswith("autumn: succeeded (2 deployed)\n")
    assert result.stderr.splitlines()[-1] == "autumn: succeeded (2 deployed)"
    wild = running.stack.store.certificates.find("wild")
    assert {running.stack.get_served(host) for host in HOSTS} == {wild.fingerprint}
    assert "@" in record.created_by


async def test_a_canary_that_fails_leaves_the_rest_as_it_was(running: Running) -> None:
    before = running.stack.get_served(HOSTS[0])
    running.stack.cloud.add_fault(
        "error",
        "SetCdnDomainSSLCertificate",
        resource=HOSTS[1],
        code="IllegalOperation",
        status=403,
    )
    result = await running(*CREATE, "--canary", HOSTS[1], "--wait", code=5)
    line = "1 resource, as named; no failure allowed, else the wave is rolled back"
    assert f"wave 1     canary: {line}\n" in result.stdout
    shown = await running.json("task", "show", "autumn")
    assert [each["tally"] for each in shown["waves"]] == [{"failed": 1}, {"skipped": 1}]
    assert running.stack.get_served(HOSTS[0]) == before


async def test_a_draft_goes_in_its_waves_once_it_is_submitted(running: Running) -> None:
    await running(*CREATE, "--draft", "--wave", "1")
    result = await running("task", "submit", "autumn", "--yes", "--wait")
    assert "wave 2     1 resource; any number of failures\n" in result.stdout
    (record,) = running.stack.store.tasks.list()
    first, second = running.stack.store.tasks.outcomes.list(record.id)
    assert (first.wave, second.wave) == (0, 1)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert first.ended_at <= second.started_at


async def test_a_task_that_fails_is_code_5_with_its_causes(running: Running) -> None:
    running.stack.cloud.add_fault(
        "error",
        "SetCdnDomainSSLCertificate",
        resource=HOSTS[0],
        code="IllegalOperation",
        status=403,
    )
    result = await running.json(*CREATE, "--wait", "--by", "ci", code=5)
    assert result["task"]["status"] == "partially_failed"
    assert result["task"]["created_by"] == "ci"
    assert result["workflow_id"] == f"deployment-{result['task']['id']}"
    causes = [outcome["cause"] and outcome["cause"]["code"] for outcome in result["outcomes"]]
    assert causes == ["IllegalOperation", None]


async def test_watching_tells_each_change_of_state(running: Running) -> None:
    created = await running.json(*CREATE)
    assert created["task"]["status"] == "scheduled"
    lines = (await running("task", "watch", "autumn", "--json")).stdout.splitlines()
    assert '"status": "succeeded"' in lines[-1]
    assert all(created["task"]["id"] in line for line in lines)


async def test_a_waiting_task_gets_another_time_and_is_cancelled(running: Running) -> None:
    await running(*CREATE, "--at", "in 2h")
    result = await running("task", "reschedule", "autumn", "--at", "2027-02-03T04:05:06Z")
    assert "2027-02-03" in result.stdout
    record = running.stack.store.tasks.find("autumn")
    assert f"{record.at:%Y-%m-%d %H:%M:%S}" == "2027-02-03 04:05:06"
    result = await running("task", "cancel", "autumn", "--reason", "not now")
    assert result.stdout == "autumn: cancelled, no further change starts.\n"
    ended = await running.stack.wait_ended(record)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.CANCELLED, 2)
    result = await running("task", "cancel", "autumn", "--reason", "again", code=2)
    assert f"error: task {record.id}: " in result.stderr
    assert "cancelled" in result.stderr
    result = await running("task", "reschedule", "autumn", "--at", "in 1h", code=2)
    assert "error: task " in result.stderr


async def test_a_time_that_has_passed_starts_a_waiting_task(running: Running) -> None:
    await running(*CREATE, "--at", "in 2h")
    result = await running.json("task", "reschedule", "autumn", "--at", "in 0s", "--yes")
    assert result["starts_at_once"] is True
    await running("task", "watch", "autumn")


async def test_one_resource_is_rolled_back_and_then_the_rest(running: Running) -> None:
    await running(*CREATE, "--wait")
    stack, back = running.stack, ("task", "rollback", "autumn", "--reason", "test", "--yes")
    result = await running.json(*back, "--resource", HOSTS[0], "--wait", "--by", "ops")
    assert result["task"]["status"] == "partially_rolled_back"
    assert stack.get_served(HOSTS[0]) == stack.fingerprints_before[HOSTS[0]]
    assert stack.get_served(HOSTS[1]) == stack.store.certificates.find("wild").fingerprint
    text = (await running(*back, "--wait")).stdout
    assert text.endswith("autumn: rolled back (2 rolled back)\n")
    assert [stack.get_served(host) for host in HOSTS] == [
        stack.fingerprints_before[host] for host in HOSTS
    ]
    again = (await running(*back, "--wait")).stdout
    assert again == "autumn: rolled back (2 rolled back)\n"
    events = (await running.json("task", "show", "autumn"))["events"]
    assert next((e["by"], e["text"]) for e in events if e["code"] == "rollback") == ("ops", "test")


async def test_a_rollback_that_fails_is_code_5(running: Running) -> None:
    await running(*CREATE, "--wait")
    running.stack.rebind(HOSTS[0], running.stack.ca.leaf(["*.example.com"]))
    words = ("task", "rollback", "autumn", "--reason", "test", "--yes")
    result = await running(*words, "--wait", code=5)
    assert "rollback failed" in result.stdout
    assert "Drifted" in result.stdout


async def test_a_requested_rollback_is_waited_for_only_on_demand(
    running: Running,
) -> None:
    await running(*CREATE, "--wait")
    result = await running.json("task", "rollback", "autumn", "--reason", "test", "--yes")
    assert (result["requested"], result["resources"]) == ("rollback", None)
    record = running.stack.store.tasks.find("autumn")
    await running.stack.wait_ended(record, TaskStatus.ROLLED_BACK)


async def test_a_task_rolled_back_before_it_starts_does_not_wait_forever(running: Running) -> None:
    await running(*CREATE, "--at", "in 2h")
    words = ("task", "rollback", "autumn", "--reason", "test", "--yes", "--wait")
    result = await running.json(*words)
    assert result["task"]["status"] == "cancelled"


async def test_deleted_tasks_free_what_they_held(running: Running) -> None:
    await running(*CREATE, "--wait")
    words = ("task", "delete", "autumn", "autumn", "--reason", "over", "--yes")
    result = await running("certificate", "delete", "wild", "--yes", code=2)
    assert "task 'autumn'" in result.stderr
    result = await running.json(*words)
    assert (result["requested"], len(result["tasks"])) == ("delete", 1)
    while running.stack.store.tasks.list():
        await asyncio.sleep(0.05)
    await running("certificate", "delete", "wild", "--yes")


async def test_without_a_worker_that_is_shown(stack: Stack, quiet_engine: Client) -> None:
    await register_search_attributes(quiet_engine)
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(10)
    result = await Running(stack, quiet_engine)(*CREATE, "--at", "in 2h")
    assert result.stderr == (
        "No worker is running. Start one: `certroll up` or `certroll-worker`.\n"
    )


async def test_ctrl_c_ends_only_the_waiting(stack: Stack, quiet_engine: Client) -> None:
    await register_search_attributes(quiet_engine)
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(10)
    env = {**os.environ, **Running(stack, quiet_engine).line.env}
    command = [sys.executable, "-m", "starter.cli", *CREATE, "--wait"]
    result = await asyncio.to_thread(interrupted, command, env)
    (record,) = stack.store.tasks.list()
    assert result == (130, f"The task continues. Watch it again: certroll task watch {record.id}\n")


def interrupted(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and last line of a command that is interrupted once it waits."""
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        last = line = child.stderr.readline()
        while line:
            if "scheduled" in line:
                child.send_signal(signal.SIGINT)
            last, line = line, child.stderr.readline()
    return child.returncode, last


async def test_what_a_silent_cloud_left_out_is_no_success(running: Running) -> None:
    read = "DescribeDomainCertificateInfo"
    running.stack.cloud.add_fault("error", read, resource=HOSTS[1], code="Unavailable", status=503)
    result = await running(*CREATE, "--fresh", "--wait", code=3)
    assert f"{HOSTS[1]}: Unavailable" in result.stderr
    assert "1 resources are not part of this" in result.stderr
    (record,) = running.stack.store.tasks.list()
    assert record.tally.deployed == 1


async def test_a_saved_plan_has_not_moved_because_a_cloud_does_not_answer(running: Running) -> None:
    saved = (await running.json("plan", "create", "-c", "wild", "--all-matched"))["saved"]["id"]
    read = "DescribeDomainCertificateInfo"
    running.stack.cloud.add_fault("error", read, resource=HOSTS[1], code="Unavailable", status=503)
    result = await running("task", "create", "--plan", saved, "--yes", code=3)
    assert "could not be read" in result.stderr
    assert "moved" not in result.stderr
    assert running.stack.store.tasks.list() == []


async def test_what_has_expired_is_served_again_only_by_force(running: Running) -> None:
    await running(*CREATE, "--wait")
    (record,) = running.stack.store.tasks.list()
    running.stack.expire_certificates_before(record.id)
    back = ("task", "rollback", "autumn", "--reason", "old clients fail", "--yes", "--wait")
    result = await running(*back, code=5)
    assert "has expired (--force)" in result.stderr
    assert "FormerExpired" in result.stdout
    result = await running(*back, "--force")
    assert "has expired" not in result.stderr
    former = running.stack.fingerprints_before
    assert {host: running.stack.get_served(host) for host in HOSTS} == former
