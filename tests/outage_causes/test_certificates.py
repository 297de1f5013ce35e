"""Tests causes of outages in the certificate: preflight stops them, or a handshake shows them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.preflight.checks import CheckPolicy
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from operations.inventory.service_sync import sync_here
from starter.requests import tasks
from tests.support.command_line import CommandLine
from tests.support.factory import DAY, NOW, Authority, Leaf
from tests.support.preflight_runs import run_preflight, store_certificate, swap_keys
from tests.support.responders import Responder
from tests.support.stack import ACCOUNT, SERVICE, Stack

NAME, OTHER = "www.example.com", "pay.example.com"
UPLOAD, SET = "cas.UploadUserCertificate", "cdn.SetCdnDomainSSLCertificate"
SOON = timedelta(seconds=4)


def serve_elsewhere(stack: Stack, name: str, leaf: Leaf) -> None:
    """Bind a certificate outside certroll, and sync the inventory."""
    stack.rebind(name, leaf)
    assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).error is None


def assert_untouched(stack: Stack, task: TaskRecord, code: str, former: str | None) -> None:
    """Check that this check failed the task, and that nothing was uploaded or bound."""
    outcome = stack.list_outcomes(task)[NAME]
    assert task.status is TaskStatus.FAILED
    assert outcome.cause is not None
    assert outcome.cause.code == code
    assert not outcome.applied
    assert stack.get_served(NAME) == former
    assert not {UPLOAD, SET} & set(stack.cloud.count_calls())


def test_cause_01_a_certificate_in_use_where_nobody_looked(stack: Stack) -> None:
    stranger = stack.ca.leaf([OTHER], not_after=NOW + 20 * DAY)
    serve_elsewhere(stack, OTHER, stranger)
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    assert {change.resource.key for change in plan.changes} == {NAME, OTHER}
    found = [each for each in run_preflight(stack, plan) if each.check == "C12"]
    assert any(f"{ACCOUNT}/{SERVICE}/{OTHER}" in (each.resources or ()) for each in found)
    certroll = CommandLine(stack.settings.home)
    rows = certroll.json("expiry", "--unmanaged", "--before", "in 30d")
    assert [row["fingerprint"] for row in rows] == [stranger.fingerprint]


async def test_cause_02_an_expiry_that_nobody_acted_on(stack: Stack, engine: Client) -> None:
    ending = stack.ca.leaf([NAME], not_after=NOW + 5 * DAY)
    serve_elsewhere(stack, NAME, ending)
    new = stack.upload("renewed", NAME)
    plan = stack.build_plan(new)
    stack.grant_quota(1)
    certroll = CommandLine(stack.settings.home)
    # What is served counts, although the successor is in the vault.
    alarm = certroll("expiry", "--fail-within", "7d", code=6)
    assert "renewed" in alarm.stdout
    async with stack.run_worker(engine):
        assert (await stack.wait_ended(await stack.create_task(engine, plan))).tally.deployed == 1
    certroll("expiry", "--fail-within", "7d", code=0)


async def test_cause_03_renewed_and_the_process_still_holds_the_old_one(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    stack.cloud.add_fault("unserved", SET.partition(".")[2], resource=NAME, count=1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is not TaskStatus.SUCCEEDED
    shown = stack.store.evidence.list_handshakes(task.id)
    assert stack.fingerprints_before[NAME] in {each.observed for each in shown}
    attempts = [each.cause.code for each in stack.store.evidence.list_failed_attempts(task.id)]
    assert "NotServed" in attempts


async def test_cause_04_a_chain_with_an_intermediate_that_has_ended(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(NAME)
    ends = datetime.now(UTC).replace(microsecond=0) + SOON
    short = Authority.root().sub("Old intermediate", not_after=ends)
    plan = stack.build_plan(store_certificate(stack, "new", short.leaf([NAME])))
    stack.grant_quota(1)
    assert "C05" in {each.check for each in run_preflight(stack, plan)}
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, delay=SOON)
        ended = await stack.wait_ended(task)
    assert_untouched(stack, ended, "C04", stack.fingerprints_before[NAME])


async def test_cause_05_a_key_that_does_not_match(
    stack: Stack, engine: Client, tmp_path: Path
) -> None:
    stack.seed_domains(NAME)
    mine, other = stack.ca.leaf([NAME]), stack.ca.leaf([NAME])
    error = CommandLine(stack.settings.home).error(*_upload(tmp_path, mine.pem, other.key_pem))
    assert error["code"] == "key-mismatch"
    new, wrong = stack.upload("new", NAME), stack.upload("wrong", NAME)
    plan = stack.build_plan(new)
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, delay=timedelta(hours=1))
        swap_keys(stack, new, wrong)
        await tasks.reschedule(engine, task, datetime.now(UTC))
        ended = await stack.wait_ended(task)
    assert_untouched(stack, ended, "C03", stack.fingerprints_before[NAME])


@pytest.mark.parametrize("part", ["certificate", "key"])
@pytest.mark.parametrize("share", [0, 0.6])
def test_cause_06_an_empty_or_truncated_file(
    stack: Stack, tmp_path: Path, part: str, share: float
) -> None:
    leaf = stack.ca.leaf([NAME])
    files = {"certificate": leaf.pem, "key": leaf.key_pem}
    files[part] = files[part][: int(len(files[part]) * share)]
    error = CommandLine(stack.settings.home).error(*_upload(tmp_path, *files.values()))
    assert error["code"] == ("truncated-file" if share else "empty-file")
    assert f"{part}.pem" in error["where"]
    assert stack.store.certificates.list() == []


def _upload(folder: Path, certificate: bytes, key: bytes) -> list[str]:
    """The command that uploads these files."""
    paths = {"certificate": folder / "certificate.pem", "key": folder / "key.pem"}
    paths["certificate"].write_bytes(certificate)
    paths["key"].write_bytes(key)
    words = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    return ["certificate", "upload", "new", *words]


async def test_cause_07_a_renewed_certificate_that_lost_a_name(
    stack: Stack, engine: Client
) -> None:
    former = stack.ca.leaf([NAME, OTHER])
    serve_elsewhere(stack, NAME, former)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    (warning,) = plan.changes[0].warnings
    assert (warning.code, plan.changes[0].names_lost) == ("names-lost", (OTHER,))
    assert stack.build_plan(
        stack.store.certificates.find("new"), all_matched=True, require_coverage=True
    ).refusals
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, checks={"C09": CheckPolicy.REFUSE})
        ended = await stack.wait_ended(task)
    assert_untouched(stack, ended, "C09", former.fingerprint)


async def test_cause_16_a_kind_of_key_that_old_clients_do_not_take(
    stack: Stack, engine: Client
) -> None:
    former = stack.ca.leaf([NAME], algorithm="rsa")
    serve_elsewhere(stack, NAME, former)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    assert plan.changes[0].key_change == ("rsa", "ec")
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, checks={"C10": CheckPolicy.REFUSE})
        ended = await stack.wait_ended(task)
    assert_untouched(stack, ended, "C10", former.fingerprint)


async def test_preflight_refuses_a_revoked_certificate(stack: Stack, engine: Client) -> None:
    stack.seed_domains(NAME)
    stack.grant_quota(1)
    with Responder(Authority.root().sub("Issuing")).serve() as responder:
        leaf = responder.leaf([NAME], ocsp=False)
        plan = stack.build_plan(store_certificate(stack, "new", leaf))
        responder.revoke(leaf)
        async with stack.run_worker(engine):
            ended = await stack.wait_ended(await stack.create_task(engine, plan))
    assert_untouched(stack, ended, "C07", stack.fingerprints_before[NAME])
    assert responder.requests == ["crl"]
