"""`certroll task` says so when a task begins at another time than asked, and why."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from domain.calendar.windows import CalendarScope, Freeze
from domain.resources.resource import DiscoveredResource
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.temporal.client import register_search_attributes
from tests.starter.cli.task.test_running import Running
from tests.support.command_line import CommandLine
from tests.support.stack import Stack

CREATE = ("task", "create", "-c", "wild", "--all-matched", "--name", "autumn", "--yes")
DAY = timedelta(days=1)


@pytest.fixture
async def quiet(stack: Stack, engine: Client) -> Running:
    """A domain, a certificate, quota; no worker, and a freeze until tomorrow."""
    stack.seed_domains("a.example.com")
    stack.upload("wild", "*.example.com")
    stack.grant_quota(2)
    now = datetime.now(UTC).replace(microsecond=0)
    freeze = Freeze(
        name="close", begins=now - DAY, ends=now + DAY, reason="sale", scope=CalendarScope()
    )
    stack.store.calendar.freezes.add(freeze)
    await register_search_attributes(engine)
    return Running(stack, engine)


def the_task(quiet: Running) -> TaskRecord:
    (record,) = quiet.stack.store.tasks.list()
    return record


def thaw(quiet: Running) -> datetime:
    return quiet.stack.store.calendar.freezes.find("close").ends


def audit(quiet: Running) -> list[str]:
    kinds = [event.code for event in quiet.stack.store.tasks.list_events(the_task(quiet).id)]
    return [kind for kind in kinds if not kind.startswith("preflight")]


async def test_a_task_in_a_freeze_is_moved_and_says_so(quiet: Running) -> None:
    result = await quiet(*CREATE)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("time ")]
    assert "; postponed from " in line
    assert line.endswith("UTC: sale")
    assert the_task(quiet).at == thaw(quiet)
    shown = (await quiet("task", "show", "autumn")).stdout
    assert "  postponed  " in shown
    assert "freeze 'close'" in shown


async def test_json_has_the_asked_time_and_the_reasons(quiet: Running) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    result = await quiet.json(*CREATE, "--at", at.isoformat())
    assert result["moved_from"] == at.isoformat()
    (reason,) = result["reasons"]
    assert reason["code"] == "freeze"
    assert "'close'" in reason["text"]
    assert datetime.fromisoformat(result["task"]["at"]) == thaw(quiet)


async def test_a_task_outside_of_any_freeze_keeps_its_time(quiet: Running) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + 2 * DAY
    result = await quiet.json(*CREATE, "--at", at.isoformat())
    assert (result["moved_from"], result["reasons"]) == (None, [])
    assert the_task(quiet).at == at


async def test_a_task_may_ignore_it_for_a_reason(quiet: Running) -> None:
    empty = await quiet(*CREATE, "--ignore-windows", " ", code=2)
    assert "--ignore-windows: the text has 0 characters" in empty.stderr
    result = await quiet(*CREATE, "--ignore-windows", "outage")
    assert "windows and freezes are ignored" in result.stdout
    record = the_task(quiet)
    assert (record.windows_ignored, record.at < thaw(quiet)) == ("outage", True)
    assert audit(quiet) == ["created", "windows-ignored"]


async def test_windows_that_never_meet_are_refused_before_the_question(quiet: Running) -> None:
    stack = quiet.stack
    stack.store.inventory.upsert(_tagged(stack), datetime.now(UTC))
    for name, tag, hours in (("x", "k=a", ("1:00", "2:00")), ("y", "k=b", ("2:00", "3:00"))):
        times = ("--zone", "UTC", "--from", hours[0], "--to", hours[1])
        await quiet("window", "add", name, *times, "--tag", tag)
    result = await quiet(*CREATE, code=2)
    assert "35 days" in result.stderr
    assert stack.store.tasks.list() == []


def _tagged(stack: Stack) -> list[DiscoveredResource]:
    stack.seed_domains("b.example.com")
    listed = stack.store.inventory.list()
    return [
        DiscoveredResource(resource=item.resource, tags={"k": tag})
        for item, tag in zip(listed, "ab", strict=True)
    ]


async def test_an_expiry_that_is_near_keeps_the_time_and_says_why(quiet: Running) -> None:
    long = ("--from", "now", "--to", "in 1000d", "--reason", "sale", "--replace")
    await quiet("freeze", "add", "close", *long)
    result = await quiet(*CREATE)
    assert "; freeze 'close' until " in result.stdout
    assert "overridden: " in result.stdout
    assert audit(quiet) == ["created", "windows-overridden"]


async def test_the_margin_is_a_setting(quiet: Running) -> None:
    in_a_month = ("--from", "now", "--to", "in 30d", "--reason", "sale", "--replace")
    await quiet("freeze", "add", "close", *in_a_month)
    patient = CommandLine(quiet.stack.settings.home, quiet.line.env)
    patient.env["CERTROLL_WINDOW_MARGIN"] = "9999d"
    quiet.line = patient
    assert (await quiet.json(*CREATE))["moved_from"] is None
    patient.env["CERTROLL_WINDOW_MARGIN"] = "soon"
    assert "CERTROLL_WINDOW_MARGIN: it must look like" in (await quiet(*CREATE, code=2)).stderr


async def test_rescheduling_heeds_it_or_not(quiet: Running, engine: Client) -> None:
    await quiet(*CREATE, "--at", "in 2d")
    async with quiet.stack.run_worker(engine):
        result = await quiet.json("task", "reschedule", "autumn", "--at", "in 1h")
        assert datetime.fromisoformat(result["at"]) == thaw(quiet)
        assert result["moved_from"] is not None
        assert the_task(quiet).at == thaw(quiet)
        assert audit(quiet) == ["created", "postponed"]
        now = ("--at", "in 0s", "--yes", "--ignore-windows", "outage")
        said = await quiet("task", "reschedule", "autumn", *now)
        assert "windows and freezes are ignored" in said.stdout
        assert (await quiet.stack.wait_ended(the_task(quiet))).status is TaskStatus.SUCCEEDED
        assert audit(quiet) == ["created", "postponed", "windows-ignored"]
        late = await quiet("task", "reschedule", "autumn", *now, code=2)
        assert "no longer waits" in late.stderr
        assert "ValueError" not in late.stderr
