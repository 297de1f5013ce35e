"""Chat robots: DingTalk, Feishu, WeCom and Slack. An answer of 200 is no success by itself.

The first three answer 200 also when they refuse, and say so in the body. A robot's address is its
URL, with its signing secret as the fragment where it has one: that is never sent.
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
CUT = "\n(shortened)"
Json = dict[str, Any]


class Robot(NamedTuple):
    """How one kind of robot is spoken to.

    `most` is the longest text in bytes of JSON; `code` the field of the answer that is 0 on
    success, None where the HTTP status says it; `busy` those codes after which one tries again.
    `signed` answers with what a signing secret adds to the address and to the body. `harmless` is
    the text without what would call people there by name, or all of them.
    """

    title: str
    most: int
    body: Callable[[str], Json]
    code: str | None
    busy: frozenset[int] = frozenset()
    signed: Callable[[str, float], tuple[Json, Json]] | None = None
    harmless: Callable[[str], str] = str


def _text(content: str) -> Json:
    return {"msgtype": "text", "text": {"content": content}}


def _signed_address(secret: str, now: float) -> tuple[Json, Json]:
    stamp = str(int(now * 1000))
    return {"timestamp": stamp, "sign": _mac(secret, f"{stamp}\n{secret}")}, {}


def _signed_body(secret: str, now: float) -> tuple[Json, Json]:
    stamp = str(int(now))
    return {}, {"timestamp": stamp, "sign": _mac(f"{stamp}\n{secret}", "")}


def _mac(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


ROBOTS = {
    "dingtalk": Robot(
        "DingTalk", 16_000, _text, "errcode", frozenset({-1, 130101}), _signed_address
    ),
    "feishu": Robot(
        "Feishu",
        16_000,
        lambda text: {"msg_type": "text", "content": {"text": text}},
        "code",
        frozenset({9499, 11232}),
        _signed_body,
        lambda text: text.replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"),
    ),
    "wecom": Robot("WeCom", 2_048, _text, "errcode", frozenset({-1, 45009})),
    "slack": Robot(
        "Slack",
        16_000,
        lambda text: {"text": text},
        None,
        harmless=lambda text: escape(text, quote=False),
    ),
}


async def tell_robot(kind: str, address: str, message: Message) -> None:
    """Posts the message once. Raises Transient or NeedsOperator, never with the address."""
    robot, (url, secret) = ROBOTS[kind], urldefrag(address)
    text = robot.harmless(f"{message.subject}\n{message.body}")
    body = robot.body(shortened(text, robot.most))
    query: Json = {}
    if secret and robot.signed:
        query, more = robot.signed(secret, time.time())
        body |= more
    try:
        async with httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(httpx2.URL(url).copy_merge_params(query), json=body)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Transient(
            f"{robot.title} did not answer: {type(error).__name__}", code="RobotFailed"
        ) from None
    _check(robot, answer)


def shortened(text: str, most: int) -> str:
    """At most so many bytes as JSON, cut between two lines; that something is left out is told.

    The last paragraph says what the reader can do: it stays, unless it takes more than half.
    """
    if _size(text) <= most:
        return text
    body = text.removesuffix("\n")
    head, _, asked = body.rpartition("\n\n")
    end = f"{CUT}\n\n{asked}\n" if head and _size(asked) <= most // 2 else CUT
    told = body if end is CUT else head
    kept = _beginning(told, most - _size(end))
    whole = kept.rpartition("\n")[0]
    return (whole if _size(whole) > most // 2 else kept).rstrip("\n") + end


def _beginning(text: str, most: int) -> str:
    """As many whole characters as there is room for."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _size(text[:middle]) <= most else (low, middle - 1)
    return text[:low]


def _size(text: str) -> int:
    """Bytes within JSON, which is what a service counts or more."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _check(robot: Robot, answer: httpx2.Response) -> None:
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        raise Transient(f"{robot.title} answered {answer.status_code}", code="RobotFailed")
    if not answer.is_success:
        raise _refused(robot, f"{answer.status_code}")
    if robot.code is None:
        return
    code = _code(robot.code, answer)
    if code in robot.busy:
        raise Transient(f"{robot.title} is busy ({robot.code} {code})", code="RobotBusy")
    if code != 0:
        raise _refused(robot, f"{robot.code} {'is not told' if code is None else code}")


def _code(field: str, answer: httpx2.Response) -> int | None:
    """The code in the body; None for a body that is none of this robot's."""
    try:
        value = answer.json()[field]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, int) else None


def _refused(robot: Robot, what: str) -> NeedsOperator:
    """The service's own words are left out: they may repeat what was sent."""
    return NeedsOperator(
        f"{robot.title} did not take the message: {what}",
        code="RobotRefused",
        advice="Check the robot's address, signing secret, keywords and allowed addresses.",
    )
