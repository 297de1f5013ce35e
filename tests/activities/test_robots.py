"""Chat robots against a real server that answers as theirs do: 200, and the truth in the body."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from activities.channels import send
from activities.robots import ROBOTS, shortened
from domain.errors import CloudError, NeedsOperator, Transient
from domain.message import Message, trial_message
from domain.record import ROBOT_KINDS, SIGNED_ROBOT_KINDS
from storage.settings import Settings

MESSAGE = trial_message(datetime(2026, 11, 24, 12, tzinfo=UTC))
TOKEN, SECRET = "token-hidden", "SEC-hidden"
FINE: dict[str, Any] = {
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"code": 0, "msg": "success", "data": {}},
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "slack": "ok",
}
REFUSED = [
    ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}),
    ("dingtalk", {"errcode": 300001, "errmsg": "token is not exist"}),
    ("feishu", {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}),
    ("feishu", {"code": 19024, "msg": "Key Words Not Found"}),
    ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}),
    ("wecom", {"errcode": "0"}),
    ("dingtalk", {}),
    ("feishu", []),
    ("wecom", "<html>sign in to this network</html>"),
]
BUSY = [
    ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}),
    ("dingtalk", {"errcode": -1, "errmsg": "system is busy"}),
    ("feishu", {"code": 11232, "msg": "frequency limited"}),
    ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}),
]


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as running:
        yield running


def answering(server: HTTPServer, answer: Any, status: int = 200) -> str:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    server.expect_request("/send").respond_with_data(text, status=status)
    return server.url_for(f"/send?key={TOKEN}")


async def tell(kind: str, address: str, folder: Path, message: Message = MESSAGE) -> None:
    await send(kind, address, message, Settings(home=folder))


async def refused(kind: str, address: str, folder: Path) -> CloudError:
    with pytest.raises((Transient, NeedsOperator)) as caught:
        await tell(kind, address, folder)
    assert caught.value.__cause__ is None
    for secret in (TOKEN, SECRET, address):
        assert secret not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", ROBOTS)
async def test_a_robot_gets_subject_and_text_in_its_own_form(
    kind: str, server: HTTPServer, tmp_path: Path
) -> None:
    await tell(kind, answering(server, FINE[kind]), tmp_path)
    body = json.loads(server.log[0][0].data)
    text = f"{MESSAGE.subject}\n{MESSAGE.body}"
    assert (
        body
        == {
            "dingtalk": {"msgtype": "text", "text": {"content": text}},
            "feishu": {"msg_type": "text", "content": {"text": text}},
            "wecom": {"msgtype": "text", "text": {"content": text}},
            "slack": {"text": text},
        }[kind]
    )


@pytest.mark.parametrize(("kind", "answer"), REFUSED)
async def test_a_200_that_is_a_refusal_needs_an_operator(
    kind: str, answer: Any, server: HTTPServer, tmp_path: Path
) -> None:
    error = await refused(kind, answering(server, answer), tmp_path)
    assert (type(error), error.code) == (NeedsOperator, "RobotRefused")


@pytest.mark.parametrize(("kind", "answer"), BUSY)
async def test_a_200_that_says_too_fast_is_tried_again(
    kind: str, answer: Any, server: HTTPServer, tmp_path: Path
) -> None:
    error = await refused(kind, answering(server, answer), tmp_path)
    assert (type(error), error.code) == (Transient, "RobotBusy")


@pytest.mark.parametrize(
    ("status", "expected"), [(429, Transient), (503, Transient), (404, NeedsOperator)]
)
@pytest.mark.parametrize("kind", ROBOTS)
async def test_other_statuses_are_failures(
    kind: str, status: int, expected: type[CloudError], server: HTTPServer, tmp_path: Path
) -> None:
    error = await refused(kind, answering(server, FINE[kind], status), tmp_path)
    assert type(error) is expected


async def test_a_robot_that_cannot_be_reached_is_tried_again(tmp_path: Path) -> None:
    error = await refused("slack", f"http://127.0.0.1:9/{TOKEN}", tmp_path)
    assert type(error) is Transient


async def test_dingtalk_is_signed_in_the_address(server: HTTPServer, tmp_path: Path) -> None:
    await tell("dingtalk", f"{answering(server, FINE['dingtalk'])}#{SECRET}", tmp_path)
    request, _ = server.log[0]
    stamp = request.args["timestamp"]
    digest = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert request.args["sign"] == base64.b64encode(digest).decode()
    assert abs(int(stamp) / 1000 - datetime.now(UTC).timestamp()) < 60
    assert request.args["key"] == TOKEN


async def test_an_address_without_a_query_is_signed_as_well(
    server: HTTPServer, tmp_path: Path
) -> None:
    server.expect_request("/robot").respond_with_data(json.dumps(FINE["dingtalk"]))
    await tell("dingtalk", f"{server.url_for('/robot')}#{SECRET}", tmp_path)
    assert set(server.log[0][0].args) == {"timestamp", "sign"}


def test_each_kind_of_contact_that_is_a_robot_can_be_told() -> None:
    assert tuple(ROBOTS) == ROBOT_KINDS
    assert tuple(kind for kind, robot in ROBOTS.items() if robot.signed) == SIGNED_ROBOT_KINDS


async def test_feishu_is_signed_in_the_body(server: HTTPServer, tmp_path: Path) -> None:
    await tell("feishu", f"{answering(server, FINE['feishu'])}#{SECRET}", tmp_path)
    body = json.loads(server.log[0][0].data)
    digest = hmac.new(f"{body['timestamp']}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert body["sign"] == base64.b64encode(digest).decode()
    assert SECRET not in server.log[0][0].url


async def test_a_long_message_is_cut_to_what_wecom_takes(
    server: HTTPServer, tmp_path: Path
) -> None:
    long = MESSAGE.model_copy(update={"body": "证书" * 2000})
    await tell("wecom", answering(server, FINE["wecom"]), tmp_path, long)
    text = json.loads(server.log[0][0].data)["text"]["content"]
    assert 2000 < len(text.encode()) <= 2048
    assert text.endswith("(shortened)")


@given(st.text(), st.integers(20, 200))
def test_shortening_keeps_to_the_bytes_and_to_whole_characters(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short.encode()) <= most
    kept = short.removesuffix("\n(shortened)")
    assert text.startswith(kept)
    assert short == text or len(text.encode()) > most
