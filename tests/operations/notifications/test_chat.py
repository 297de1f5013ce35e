"""Chat robots against a real server that answers as theirs do: 200, with a code in the body."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer

from domain.errors import CloudError, NeedsOperator, Transient
from domain.notifications.channel_kind import ROBOT_KINDS, SIGNED_ROBOT_KINDS
from domain.notifications.message import Message, build_test_message
from operations.notifications.channels import send
from operations.notifications.chat import CUT_MARK, ROBOTS, shorten
from storage.settings import Settings

MESSAGE = build_test_message(datetime(2026, 11, 24, 12, tzinfo=UTC))
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


def set_answer(server: HTTPServer, answer: Any, status: int = 200) -> str:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    server.expect_request("/send").respond_with_data(text, status=status)
    return server.url_for(f"/send?key={TOKEN}")


async def send_message(kind: str, address: str, folder: Path, message: Message = MESSAGE) -> None:
    await send(kind, address, message, Settings(home=folder))


async def fail_send(kind: str, address: str, folder: Path) -> CloudError:
    with pytest.raises((Transient, NeedsOperator)) as caught:
        await send_message(kind, address, folder)
    assert caught.value.__cause__ is None
    for secret in (TOKEN, SECRET, address):
        assert secret not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", ROBOTS)
async def test_a_robot_gets_subject_and_text_in_its_own_form(
    kind: str, server: HTTPServer, tmp_path: Path
) -> None:
    await send_message(kind, set_answer(server, FINE[kind]), tmp_path)
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
async def test_a_refusal_with_status_200_needs_an_operator(
    kind: str, answer: Any, server: HTTPServer, tmp_path: Path
) -> None:
    error = await fail_send(kind, set_answer(server, answer), tmp_path)
    assert (type(error), error.code) == (NeedsOperator, "RobotRefused")


@pytest.mark.parametrize(("kind", "answer"), BUSY)
async def test_a_busy_answer_with_status_200_is_a_transient_error(
    kind: str, answer: Any, server: HTTPServer, tmp_path: Path
) -> None:
    error = await fail_send(kind, set_answer(server, answer), tmp_path)
    assert (type(error), error.code) == (Transient, "RobotBusy")


@pytest.mark.parametrize(
    ("status", "expected"), [(429, Transient), (503, Transient), (404, NeedsOperator)]
)
@pytest.mark.parametrize("kind", ROBOTS)
async def test_other_statuses_are_errors(
    kind: str, status: int, expected: type[CloudError], server: HTTPServer, tmp_path: Path
) -> None:
    error = await fail_send(kind, set_answer(server, FINE[kind], status), tmp_path)
    assert type(error) is expected


async def test_a_robot_that_cannot_be_reached_is_a_transient_error(tmp_path: Path) -> None:
    error = await fail_send("slack", f"http://127.0.0.1:9/{TOKEN}", tmp_path)
    assert type(error) is Transient


async def test_dingtalk_is_signed_in_the_query(server: HTTPServer, tmp_path: Path) -> None:
    await send_message("dingtalk", f"{set_answer(server, FINE['dingtalk'])}#{SECRET}", tmp_path)
    request, _ = server.log[0]
    stamp = request.args["timestamp"]
    digest = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert request.args["sign"] == base64.b64encode(digest).decode()
    assert abs(int(stamp) / 1000 - datetime.now(UTC).timestamp()) < 60
    assert request.args["key"] == TOKEN


async def test_an_address_without_a_query_is_signed_too(server: HTTPServer, tmp_path: Path) -> None:
    server.expect_request("/robot").respond_with_data(json.dumps(FINE["dingtalk"]))
    await send_message("dingtalk", f"{server.url_for('/robot')}#{SECRET}", tmp_path)
    assert set(server.log[0][0].args) == {"timestamp", "sign"}


def test_each_kind_of_robot_can_be_sent_to() -> None:
    assert tuple(ROBOTS) == ROBOT_KINDS
    assert tuple(kind for kind, robot in ROBOTS.items() if robot.sign) == SIGNED_ROBOT_KINDS


async def test_feishu_is_signed_in_the_body(server: HTTPServer, tmp_path: Path) -> None:
    await send_message("feishu", f"{set_answer(server, FINE['feishu'])}#{SECRET}", tmp_path)
    body = json.loads(server.log[0][0].data)
    digest = hmac.new(f"{body['timestamp']}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert body["sign"] == base64.b64encode(digest).decode()
    assert SECRET not in server.log[0][0].url


async def test_a_long_message_is_cut_to_the_limit_of_wecom(
    server: HTTPServer, tmp_path: Path
) -> None:
    long = MESSAGE.model_copy(update={"body": "证书" * 2000})
    await send_message("wecom", set_answer(server, FINE["wecom"]), tmp_path, long)
    text = json.loads(server.log[0][0].data)["text"]["content"]
    assert 2000 < len(text.encode()) <= 2048
    assert text.endswith(CUT_MARK)


async def test_a_message_that_is_cut_keeps_its_head_and_its_last_paragraph(
    server: HTTPServer, tmp_path: Path
) -> None:
    causes = "".join(f"- 原因{n}: 300 resources failed, e.g. a.example.com\n" for n in range(90))
    last = "What you may do:\n  certroll task show 20261124-1a2b3c\n"
    long = MESSAGE.model_copy(update={"body": f"Task 证书: failed.\n\nWhy:\n{causes}\n{last}"})
    await send_message("wecom", set_answer(server, FINE["wecom"]), tmp_path, long)
    text = json.loads(server.log[0][0].data)["text"]["content"]
    assert len(text.encode()) <= 2048
    assert text.startswith(f"{MESSAGE.subject}\nTask 证书: failed.\n\nWhy:\n- 原因0: 300 resources")
    assert text.endswith(f"e.g. a.example.com{CUT_MARK}\n\n{last}")


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("slack", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("feishu", "\u2039!channel> & \u2039@U1>"),
        ("wecom", "<!channel> & <@U1>"),
    ],
)
async def test_names_in_a_message_mention_nobody(
    kind: str, shown: str, server: HTTPServer, tmp_path: Path
) -> None:
    named = MESSAGE.model_copy(update={"body": "<!channel> & <@U1>"})
    await send_message(kind, set_answer(server, FINE[kind]), tmp_path, named)
    sent = json.loads(server.log[0][0].data)
    text = (
        sent["text"]
        if kind == "slack"
        else next(iter((sent.get("text") or sent["content"]).values()))
    )
    assert text.endswith(f"\n{shown}")


lines = st.lists(st.text(max_size=60), max_size=12).map("\n".join)


@example(text="\n\n\n\n\n\n0000\x1fࠀ\n\n00\x1f\n\n", most=40)
@given(lines, st.integers(40, 300))
def test_shortening_keeps_to_the_bytes_and_leaves_the_rest_as_it_was(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(json.dumps(short, ensure_ascii=False).encode()) - 2 <= most
    if short != text:
        head, cut, last = short.partition(CUT_MARK)
        assert cut
        assert text.startswith(head)
        assert text.rstrip("\n").endswith(last.strip("\n"))


@given(st.text())
def test_a_text_that_fits_stays_as_it_is(text: str) -> None:
    assert shorten(text, 1000) == text


def test_one_endless_line_is_cut_between_two_characters() -> None:
    assert shorten("证" * 100, 50) == "证" * 12 + CUT_MARK
