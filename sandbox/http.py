"""A minimal HTTP/1.1 server with keep-alive: one coroutine per connection. `server` uses it."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

HEAD_LIMIT = 1 << 20  # certificate chains and keys travel in the query string
BODY_LIMIT = 256 << 20  # a seed of thousands of domains with their certificates


@dataclass(slots=True)
class Request:
    """A request as received: raw path and query, header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    is_gone: Callable[[], bool] = field(default=lambda: False, repr=False)


@dataclass(slots=True)
class Reply:
    """An answer; `headers` come on top of type and length."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=utf-8"

    def encode(self) -> bytes:
        """The bytes that go over the wire."""
        lines = [
            f"HTTP/1.1 {self.status} {_get_phrase(self.status)}",
            f"content-type: {self.content_type}",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Hangup(Enum):
    """No answer at all: the connection is closed politely, or reset."""

    CLOSE = "close"
    RESET = "reset"


Handler = Callable[[Request], Awaitable[Reply | Hangup]]


class BadRequest(Exception):
    """What arrived is not HTTP that this server speaks."""


def _get_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


async def serve_connection(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection, one after the other, until it ends."""
    try:
        while (request := await _read(reader)) is not None:
            answer = await handler(request)
            if isinstance(answer, Hangup):
                if answer is Hangup.RESET:
                    _reset(writer)
                return
            writer.write(answer.encode())
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                return
    except BadRequest as error:
        reply = Reply(400, str(error).encode(), {"connection": "close"}, "text/plain")
        writer.write(reply.encode())
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client has left
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest("the head of the request is too long") from None
    request = _parse_head(head)
    request.is_gone = reader.at_eof
    if "transfer-encoding" in request.headers:
        raise BadRequest("send a content-length, not a transfer-encoding")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise BadRequest("the content-length is not acceptable")
    if int(length):
        request.body = await reader.readexactly(int(length))
    return request


def _parse_head(head: bytes) -> Request:
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    try:
        method, target, _ = first.split(" ", 2)
    except ValueError:
        raise BadRequest("the request line is malformed") from None
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name = name.lower()
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, b"")


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the peer sees a reset and not an orderly end."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
