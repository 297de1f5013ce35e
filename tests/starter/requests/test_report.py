"""The report of a task: complete, signed, and not to be changed afterwards."""

import json
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.requests.report import canonical, envelope_in, is_genuine, page, report, signed
from tests.support.house import House
from tests.workflows.waving import NAMES, in_waves

WAVES = dict(zip(NAMES, (1, 2, 2, 3, 3), strict=True))
SCRIPT = "</script><script>alert(1)</script>"


async def deployed(house: House, engine: Client) -> TaskRecord:
    """A task that was deployed after a throttled call, and taken back."""
    house.domains("www.example.com")
    plan = house.plan(house.upload("new", "www.example.com"))
    house.grant(1)
    house.cloud.fault("throttle", "SetCdnDomainSSLCertificate", count=1)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan, name=f"night {SCRIPT}"))
        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        return await house.ended(task, TaskStatus.ROLLED_BACK)


async def test_it_tells_who_asked_what_was_done_and_what_proves_it(
    house: House, engine: Client
) -> None:
    task = await deployed(house, engine)
    told = report(house.store, task)
    change = told["changes"][0]
    wanted = change["change"]["after"]["fingerprint"]
    former = house.former["www.example.com"]
    assert told["task"]["created_by"] == "tester"
    assert told["plan"]["as_created"] is True
    assert [entry["kind"] for entry in told["quota"]] == ["reserve", "charge"]
    facts = ("direction", "moment", "wanted", "seen", "verified")
    assert [tuple(each[fact] for fact in facts) for each in told["handshakes"]] == [
        ("deploy", "before", former, former, False),
        ("deploy", "after", wanted, wanted, True),
        ("roll_back", "before", wanted, wanted, False),
        ("roll_back", "after", former, former, True),
    ]
    assert {each["address"] for each in told["handshakes"]} == {house.cloud.edge}
    failed = told["failed_attempts"]
    assert [(each["number"], each["cause"]["code"]) for each in failed] == [(1, "Throttling.User")]
    assert failed[0]["cause"]["request_id"]
    assert any("wrong chain" in event["text"] for event in told["events"])
    assert "PRIVATE KEY" not in canonical(told).decode()


async def test_as_json_and_as_a_page_it_is_genuine_until_one_word_is_changed(
    house: House, engine: Client
) -> None:
    envelope = signed(house.store, report(house.store, await deployed(house, engine)))
    key = house.store.signing.public()
    html = page(envelope)
    assert SCRIPT not in html
    assert html.count("<script") == 1
    assert f"<td>{house.cloud.edge}</td>" in html
    assert "<td>verified</td>" in html
    assert "<td>as it was</td>" in html
    for text in (json.dumps(envelope, indent=3), html):
        assert envelope_in(text, "file") == envelope
        assert is_genuine(envelope_in(text, "file"), key)
        forged = envelope_in(text.replace("rolled_back", "succeeded"), "file")
        assert not is_genuine(forged, key)
    assert not is_genuine(envelope, "ab" * 32)
    broken = {**envelope, "signature": {**envelope["signature"], "value": "no base64"}}
    assert not is_genuine(broken, key)


async def test_the_page_tells_the_wave_of_each_change(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await house.ended(await in_waves(house, engine))
    html = page(signed(house.store, report(house.store, task)))
    waves = {name: f"<td>{at}</td><td>main/alibaba.cdn/{name}" for name, at in WAVES.items()}
    assert [name for name, told in waves.items() if told not in html] == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"report": 1, "signature": 2}', "<html></html>"])
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no report of certroll"):
        envelope_in(text, str(tmp_path / "file"))
