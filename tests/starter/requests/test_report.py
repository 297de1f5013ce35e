"""The report of a task is complete and signed; a changed one is not genuine."""

import json
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.requests.report import (
    build_report,
    is_genuine,
    read_envelope,
    render_page,
    sign,
    to_canonical_json,
)
from tests.support.stack import Stack
from tests.support.waves import NAMES, create_in_waves

WAVES = dict(zip(NAMES, (1, 2, 2, 3, 3), strict=True))
SCRIPT = "</script><script>alert(1)</script>"


async def create_deployed(stack: Stack, engine: Client) -> TaskRecord:
    """A task that was deployed after a throttled call, and rolled back."""
    stack.seed_domains("www.example.com")
    plan = stack.build_plan(stack.upload("new", "www.example.com"))
    stack.grant_quota(1)
    stack.cloud.add_fault("throttle", "SetCdnDomainSSLCertificate", count=1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan, name=f"night {SCRIPT}"))
        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        return await stack.wait_ended(task, TaskStatus.ROLLED_BACK)


async def test_it_tells_who_asked_what_was_done_and_what_proves_it(
    stack: Stack, engine: Client
) -> None:
    task = await create_deployed(stack, engine)
    report = build_report(stack.store, task)
    change = report["changes"][0]
    after = change["change"]["after"]["fingerprint"]
    before = stack.fingerprints_before["www.example.com"]
    assert report["task"]["created_by"] == "tester"
    assert report["plan"]["as_created"] is True
    assert [entry["kind"] for entry in report["quota"]] == ["reserve", "charge"]
    facts = ("direction", "moment", "expected", "observed", "verified")
    assert [tuple(each[fact] for fact in facts) for each in report["handshakes"]] == [
        ("deploy", "before", before, before, False),
        ("deploy", "after", after, after, True),
        ("roll_back", "before", after, after, False),
        ("roll_back", "after", before, before, True),
    ]
    assert {each["address"] for each in report["handshakes"]} == {stack.cloud.edge}
    failed = report["failed_attempts"]
    assert [(each["number"], each["cause"]["code"]) for each in failed] == [(1, "Throttling.User")]
    assert failed[0]["cause"]["request_id"]
    assert any("wrong chain" in event["text"] for event in report["events"])
    assert "PRIVATE KEY" not in to_canonical_json(report).decode()


async def test_as_json_and_as_a_page_it_is_genuine_until_one_word_is_changed(
    stack: Stack, engine: Client
) -> None:
    envelope = sign(stack.store, build_report(stack.store, await create_deployed(stack, engine)))
    key = stack.store.signing.get_public_key()
    html = render_page(envelope)
    assert SCRIPT not in html
    assert html.count("<script") == 1
    assert f"<td>{stack.cloud.edge}</td>" in html
    assert "<td>verified</td>" in html
    assert "<td>unchanged</td>" in html
    for text in (json.dumps(envelope, indent=3), html):
        assert read_envelope(text, "file") == envelope
        assert is_genuine(read_envelope(text, "file"), key)
        forged = read_envelope(text.replace("rolled_back", "succeeded"), "file")
        assert not is_genuine(forged, key)
    assert not is_genuine(envelope, "ab" * 32)
    broken = {**envelope, "signature": {**envelope["signature"], "value": "no base64"}}
    assert not is_genuine(broken, key)


async def test_the_page_tells_the_wave_of_each_change(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await create_in_waves(stack, engine))
    html = render_page(sign(stack.store, build_report(stack.store, task)))
    waves = {name: f"<td>{at}</td><td>main/alibaba.cdn/{name}" for name, at in WAVES.items()}
    assert [name for name, report in waves.items() if report not in html] == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"report": 1, "signature": 2}', "<html></html>"])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, check=lambda error: error.code == "not-a-report"):
        read_envelope(text, str(tmp_path / "file"))
