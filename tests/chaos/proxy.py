"""A network between two processes that can be cut, stalled, slowed down or made one-way."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

Mode = Literal["open", "cut", "stalled", "deaf"]
T = TypeVar("T")

_BYTES = 65_536
_TIMEOUT = 5.0


class Proxy:
    """Forwards bytes from a port on loopback to `target`: a port on loopback or a socket's path.

    Modes: open; cut (resets open connections, refuses new ones); stalled (forwards nothing, like a
    firewall that drops packets); deaf (forwards requests, and no answers).
    """

    def __init__(self, target: int | Path) -> None:
        self.target = target
        self.mode: Mode = "open"
        self.delay = 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run_in_loop(
            asyncio.start_server(self._handle_connection, "127.0.0.1", 0)
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> str:
        """HOST:PORT to connect to."""
        return f"127.0.0.1:{self.port}"

    def set(self, mode: Mode, delay: float = 0.0) -> None:
        """Set the mode; `delay` in seconds is added in each direction."""
        self._run_in_loop(self._set(mode, delay))

    def close(self) -> None:
        """Close the proxy and all connections."""
        self._run_in_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT)
        self._loop.close()

    def _run_in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT)

    async def _set(self, mode: Mode, delay: float) -> None:
        self.mode, self.delay = mode, delay
        self._changed.set()
        self._changed = asyncio.Event()
        if mode == "cut":
            self._reset()

    async def _stop(self) -> None:
        self._server.close()
        self._reset()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reset(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _handle_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            target_reader, target_writer = await self._dial()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, target_writer}
        self._open |= both
        try:
            await asyncio.gather(
                self._forward(reader, target_writer, "request"),
                self._forward(target_reader, writer, "answer"),
            )
        except asyncio.CancelledError:  # by `close`
            pass
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(str(self.target))
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        try:
            while data := await reader.read(_BYTES):
                await self._wait_open(direction)
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
            await self._wait_open(direction)
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:  # one end was reset: reset the other one too
            writer.transport.abort()

    async def _wait_open(self, direction: str) -> None:
        while self.mode == "stalled" or (self.mode == "deaf" and direction == "answer"):
            await self._changed.wait()
