"""Starts and stops a sandbox with its API port and its TLS edge. The command line calls it."""

import asyncio
import contextlib
import gc
import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any, Self

from sandbox.cloud import Cloud
from sandbox.control import Control
from sandbox.faults import FaultRule
from sandbox.gateway import Gateway
from sandbox.http import HEAD_LIMIT, serve_connection
from sandbox.options import Options
from sandbox.record import Recorder
from sandbox.seeds import build_seeds
from sandbox.services import find_services

LOOPBACK = "127.0.0.1"  # nothing here may be reachable from another machine


class Sandbox:
    """A running practice cloud. `endpoint` is a URL, `edge` is HOST:PORT; use it as a context."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.endpoint = ""
        self.edge = ""
        self._cloud = Cloud(options)
        services = find_services(self._cloud)
        self._control = Control(self._cloud, services)
        self._recorder = Recorder(options.record)
        self._gateway = Gateway(self._cloud, services, self._control, self._recorder)
        self._api: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on both ports; raises OSError when one is taken, ValueError on a bad file."""
        self._load()
        self.edge = self._cloud.edges.add(LOOPBACK, self.options.edge_port)
        self._api = api = await asyncio.start_server(
            self._serve_client, LOOPBACK, self.options.port, limit=HEAD_LIMIT, backlog=1024
        )
        self.endpoint = f"http://{_format_address(api)}"
        self._control.set_addresses(self.endpoint, self.edge)
        gc.freeze()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, end open connections, close the files."""
        self._cloud.edges.close()
        if self._api is not None:
            self._api.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._cloud.journal.close()
        self._recorder.close()

    @property
    def ready(self) -> dict[str, str]:
        """What a client needs to connect, as the command prints it."""
        account = self._cloud.default_account
        return {
            "endpoint": self.endpoint,
            "edge": self.edge,
            "access_key_id": account.access_key_id,
            "access_key_secret": account.access_key_secret,
        }

    def _load(self) -> None:
        if self.options.scale is not None:
            self._control.seed(
                build_seeds(self.options.scale, self.options.accounts), keep_existing=True
            )
        if self.options.seed_file is not None:
            _use_file(self.options.seed_file, partial(self._control.seed, keep_existing=True))
        if self.options.faults is not None:
            _use_file(self.options.faults, self._add_faults)

    def _add_faults(self, data: Any) -> None:
        for one in data if isinstance(data, list) else [data]:
            self._cloud.faults.add(FaultRule.parse(one))

    async def _serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with contextlib.suppress(asyncio.CancelledError):  # the sandbox is stopping
            await serve_connection(self._gateway.answer, reader, writer)


def run(options: Options) -> None:
    """Run a sandbox until SIGINT or SIGTERM; prints one JSON line on stdout when it is ready."""
    asyncio.run(_run(options))


async def _run(options: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox(options) as sandbox:
        sys.stdout.write(json.dumps(sandbox.ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _use_file(path: Path, use: Any) -> None:
    """Calls `use` with the JSON of a file; raises ValueError that names the file."""
    try:
        use(json.loads(path.read_text("utf-8")))
    except KeyError as error:
        raise ValueError(f"{path}: {error.args[0]} is missing") from None
    except (ValueError, TypeError, OSError) as error:
        raise ValueError(f"{path}: {error}") from None


def _format_address(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"
