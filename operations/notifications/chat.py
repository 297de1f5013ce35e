"""Posts messages to chat robots of DingTalk, Feishu, WeCom and Slack; channels.py calls it.

The first three answer 200 even if they refuse, and say so in the body. The address of a robot is
its URL; its fragment is the signing secret, if there is one, and is never sent.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple
from urllib.parse import urldefrag

import httpx2

from domain.errors import NeedsOperator, Transient
from domain.notifications.message import Message

SECONDS = 15.0
CUT_MARK = "\n(shortened)"
Json = dict[str, Any]


class Robot(NamedTuple):
    """How to talk to one kind of robot.

    `max_bytes` is the longest text, in bytes of JSON. `code_field` is the field of the answer that
    is 0 on success; None if the HTTP status says it. After `busy_codes` one tries again. `sign`
    returns what a signing secret adds to the query and to the body. `escape` removes what would
    mention people, or everybody.
    """

    title: str
    max_bytes: int
    body: Callable[[str], Json]
    code_field: str | None
    busy_codes: frozenset[int] = frozenset()
    sign: Callable[[str, float], tuple[Json, Json]] | None = None
    escape: Callable[[str], str] = str


def _build_text_body(content: str) -> Json:
    return {"msgtype": "text", "text": {"content": content}}


def _sign_query(secret: str, now: float) -> tuple[Json, Json]:
    stamp = str(int(now * 1000))
    return {"timestamp": stamp, "sign": _mac(secret, f"{stamp}\n{secret}")}, {}


def _sign_body(secret: str, now: float) -> tuple[Json, Json]:
    stamp = str(int(now))
    return {}, {"timestamp": stamp, "sign": _mac(f"{stamp}\n{secret}", "")}


def _mac(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


ROBOTS = {
    "dingtalk": Robot(
        "DingTalk", 16_000, _build_text_body, "errcode", frozenset({-1, 130101}), _sign_query
    ),
    "feishu": Robot(
        "Feishu",
        16_000,
        lambda text: {"msg_type": "text", "content": {"text": text}},
        "code",
        frozenset({9499, 11232}),
        _sign_body,
        lambda text: text.replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"),
    ),
    "wecom": Robot("WeCom", 2_048, _build_text_body, "errcode", frozenset({-1, 45009})),
    "slack": Robot(
        "Slack",
        16_000,
        lambda text: {"text": text},
        None,
        escape=lambda text: escape(text, quote=False),
    ),
}


async def post_chat_message(kind: str, address: str, message: Message) -> None:
    """Posts once. Raises Transient or NeedsOperator, whose texts never contain the address."""
    robot, (url, secret) = ROBOTS[kind], urldefrag(address)
    text = robot.escape(f"{message.subject}\n{message.body}")
    body = robot.body(shorten(text, robot.max_bytes))
    query: Json = {}
    if secret and robot.sign:
        query, more = robot.sign(secret, time.time())
        body |= more
    try:
        async with httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(httpx2.URL(url).copy_merge_params(query), json=body)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Transient(
            f"{robot.title} did not answer: {type(error).__name__}", code="RobotFailed"
        ) from None
    _check(robot, answer)


def shorten(text: str, most: int) -> str:
    """Cuts the text between two lines to so many bytes of JSON, and marks the cut.

    The last paragraph says what the reader can do. It stays, unless it takes more than half.
    """
    if _size(text) <= most:
        return text
    body = text.removesuffix("\n")
    head, _, last = body.rpartition("\n\n")
    end = f"{CUT_MARK}\n\n{last}\n" if head and _size(last) <= most // 2 else CUT_MARK
    shown = body if end is CUT_MARK else head
    beginning = _cut(shown, most - _size(end))
    lines = beginning.rpartition("\n")[0]
    return (lines if _size(lines) > most // 2 else beginning).rstrip("\n") + end


def _cut(text: str, most: int) -> str:
    """The longest beginning of whole characters that fits."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(text[:middle]) <= most else (low, middle - 1)
    return text[:low]


def _size(text: str) -> int:
    """Bytes within JSON: what a service counts, or more."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _check(robot: Robot, answer: httpx2.Response) -> None:
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        raise Transient(f"{robot.title} answered {answer.status_code}", code="RobotFailed")
    if not answer.is_success:
        raise _build_refusal(robot, f"{answer.status_code}")
    if robot.code_field is None:
        return
    code = _read_code(robot.code_field, answer)
    if code in robot.busy_codes:
        raise Transient(f"{robot.title} is busy ({robot.code_field} {code})", code="RobotBusy")
    if code != 0:
        raise _build_refusal(robot, f"{robot.code_field} {'is missing' if code is None else code}")


def _read_code(field: str, answer: httpx2.Response) -> int | None:
    """The code in the body; None if the body has none."""
    try:
        value = answer.json()[field]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, int) else None


def _build_refusal(robot: Robot, what: str) -> NeedsOperator:
    """Leaves out the text of the service: it may repeat what was sent."""
    return NeedsOperator(
        f"{robot.title} refused the message: {what}",
        code="RobotRefused",
        advice="Check the robot's address, signing secret, keywords and allowed addresses.",
    )
