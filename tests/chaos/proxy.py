"""A network between two processes that can be cut, stalled, slowed down and half closed."""

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

Mode = Literal["open", "cut", "stalled", "deaf"]
T = TypeVar("T")

_BYTES = 65_536
_PATIENCE = 5.0


class Proxy:
    """Passes bytes on from a port on loopback to `target`: a port on loopback or a socket's path.

    Modes: open; cut (open connections are reset, new ones refused); stalled (nothing is passed on,
    as by a firewall that drops packets); deaf (what is asked arrives, no answer comes back).
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
        self._server = self._do(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> str:
        """HOST:PORT to connect to."""
        return f"127.0.0.1:{self.port}"

    def set(self, mode: Mode, delay: float = 0.0) -> None:
        """From now on; `delay` in seconds is added to each way of what is passed on."""
        self._do(self._set(mode, delay))

    def close(self) -> None:
        """Ends it and all that is open."""
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

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

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            there, back = await self._dial()
        except OSError:
            writer.transport.abort()
            return
        both = {writer, back}
        self._open |= both
        try:
            await asyncio.gather(
                self._pass(reader, back, "there"), self._pass(there, writer, "back")
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

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str
    ) -> None:
        try:
            while data := await reader.read(_BYTES):
                await self._hold(way)
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
            await self._hold(way)
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:  # one end was reset: the other one must learn of it
            writer.transport.abort()

    async def _hold(self, way: str) -> None:
        while self.mode == "stalled" or (self.mode == "deaf" and way == "back"):
            await self._changed.wait()
