"""Causes that lie in the certificate: stopped before the first write, or seen by a handshake."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.inventory_sync import sync
from domain.preflight.checks import Policy
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.starter.command_line import CommandLine
from tests.support.factory import DAY, NOW, Authority, Leaf
from tests.support.flights import keep, look, swap_keys
from tests.support.house import ACCOUNT, SERVICE, House
from tests.support.responders import Responder

NAME, OTHER = "www.example.com", "pay.example.com"
UPLOAD, SET = "cas.UploadUserCertificate", "cdn.SetCdnDomainSSLCertificate"
SOON = timedelta(seconds=4)


def serving(house: House, name: str, leaf: Leaf) -> None:
    """Somebody serves this certificate there; the inventory finds it."""
    house.rebind(name, leaf)
    assert sync(house.store, house.clouds, ACCOUNT, SERVICE).error is None


def untouched(house: House, task: TaskRecord, code: str, former: str | None) -> None:
    """The task failed by this check, and nothing was uploaded or bound."""
    outcome = house.outcomes(task)[NAME]
    assert task.status is TaskStatus.FAILED
    assert outcome.cause is not None
    assert outcome.cause.code == code
    assert not outcome.applied
    assert house.served(NAME) == former
    assert not {UPLOAD, SET} & set(house.cloud.calls())


def test_cause_01_a_certificate_in_use_where_nobody_looked(house: House) -> None:
    stranger = house.ca.leaf([OTHER], not_after=NOW + 20 * DAY)
    serving(house, OTHER, stranger)
    house.domains(NAME)
    plan = house.plan(house.upload("new", "*.example.com"))
    assert {change.resource.key for change in plan.changes} == {NAME, OTHER}
    found = [each for each in look(house, plan) if each.check == "C12"]
    assert any(f"{ACCOUNT}/{SERVICE}/{OTHER}" in (each.resources or ()) for each in found)
    certroll = CommandLine(house.settings.home)
    rows = certroll.json("expiry", "--unmanaged", "--before", "in 30d")
    assert [row["fingerprint"] for row in rows] == [stranger.fingerprint]


async def test_cause_02_an_expiry_that_nobody_acted_on(house: House, engine: Client) -> None:
    ending = house.ca.leaf([NAME], not_after=NOW + 5 * DAY)
    serving(house, NAME, ending)
    new = house.upload("renewed", NAME)
    plan = house.plan(new)
    house.grant(1)
    certroll = CommandLine(house.settings.home)
    # That the successor lies ready helps nobody: what is served counts.
    alarm = certroll("expiry", "--fail-within", "7d", code=6)
    assert "renewed" in alarm.stdout
    async with house.working(engine):
        assert (await house.ended(await house.create(engine, plan))).tally.deployed == 1
    certroll("expiry", "--fail-within", "7d", code=0)


async def test_cause_03_renewed_and_the_process_still_holds_the_old_one(
    house: House, engine: Client
) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    house.cloud.fault("unserved", SET.partition(".")[2], resource=NAME, count=1)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is not TaskStatus.SUCCEEDED
    shown = house.store.evidence.handshakes(task.id)
    assert house.former[NAME] in {each.seen for each in shown}
    attempts = [each.cause.code for each in house.store.evidence.attempts(task.id)]
    assert "NotServed" in attempts


async def test_cause_04_a_chain_with_an_intermediate_that_has_ended(
    house: House, engine: Client
) -> None:
    house.domains(NAME)
    ends = datetime.now(UTC).replace(microsecond=0) + SOON
    short = Authority.root().sub("Old intermediate", not_after=ends)
    plan = house.plan(keep(house, "new", short.leaf([NAME])))
    house.grant(1)
    assert "C05" in {each.check for each in look(house, plan)}
    async with house.working(engine):
        task = await house.create(engine, plan, delay=SOON)
        ended = await house.ended(task)
    untouched(house, ended, "C04", house.former[NAME])


async def test_cause_05_a_key_that_does_not_match(
    house: House, engine: Client, tmp_path: Path
) -> None:
    house.domains(NAME)
    mine, other = house.ca.leaf([NAME]), house.ca.leaf([NAME])
    refusal = CommandLine(house.settings.home).refusal(*_upload(tmp_path, mine.pem, other.key_pem))
    assert "the private key does not match" in refusal
    new, wrong = house.upload("new", NAME), house.upload("wrong", NAME)
    plan = house.plan(new)
    house.grant(1)
    async with house.working(engine):
        task = await house.create(engine, plan, delay=timedelta(hours=1))
        swap_keys(house, new, wrong)
        await tasks.reschedule(engine, task, datetime.now(UTC))
        ended = await house.ended(task)
    untouched(house, ended, "C03", house.former[NAME])


@pytest.mark.parametrize("part", ["certificate", "key"])
@pytest.mark.parametrize("share", [0, 0.6])
def test_cause_06_an_empty_or_truncated_file(
    house: House, tmp_path: Path, part: str, share: float
) -> None:
    leaf = house.ca.leaf([NAME])
    files = {"certificate": leaf.pem, "key": leaf.key_pem}
    files[part] = files[part][: int(len(files[part]) * share)]
    refusal = CommandLine(house.settings.home).refusal(*_upload(tmp_path, *files.values()))
    assert ("truncated" if share else "the file is empty") in refusal
    assert f"{part}.pem" in refusal
    assert house.store.certificates.list() == []


def _upload(folder: Path, certificate: bytes, key: bytes) -> list[str]:
    """The command that uploads these files."""
    paths = {"certificate": folder / "certificate.pem", "key": folder / "key.pem"}
    paths["certificate"].write_bytes(certificate)
    paths["key"].write_bytes(key)
    words = [word for name, path in paths.items() for word in (f"--{name}", str(path))]
    return ["certificate", "upload", "new", *words]


async def test_cause_07_a_renewed_certificate_that_lost_a_name(
    house: House, engine: Client
) -> None:
    former = house.ca.leaf([NAME, OTHER])
    serving(house, NAME, former)
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    assert plan.changes[0].warnings == (f"names no longer covered: {OTHER}",)
    assert house.plan(
        house.store.certificates.find("new"), all_matched=True, require_coverage=True
    ).refusals
    async with house.working(engine):
        task = await house.create(engine, plan, checks={"C09": Policy.REFUSE})
        ended = await house.ended(task)
    untouched(house, ended, "C09", former.fingerprint)


async def test_cause_16_a_kind_of_key_that_old_clients_do_not_take(
    house: House, engine: Client
) -> None:
    former = house.ca.leaf([NAME], algorithm="rsa")
    serving(house, NAME, former)
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    assert plan.changes[0].key_change == ("rsa", "ec")
    async with house.working(engine):
        task = await house.create(engine, plan, checks={"C10": Policy.REFUSE})
        ended = await house.ended(task)
    untouched(house, ended, "C10", former.fingerprint)


async def test_a_revoked_certificate_is_stopped_too(house: House, engine: Client) -> None:
    house.domains(NAME)
    house.grant(1)
    with Responder(Authority.root().sub("Issuing")).serving() as responder:
        leaf = responder.leaf([NAME], ocsp=False)
        plan = house.plan(keep(house, "new", leaf))
        responder.revoke(leaf)
        async with house.working(engine):
            ended = await house.ended(await house.create(engine, plan))
    untouched(house, ended, "C07", house.former[NAME])
    assert responder.asked == ["crl"]
