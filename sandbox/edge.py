"""The TLS edge: one port that presents, by server name, what each resource serves right now."""

import asyncio
import contextlib
import ssl
import tempfile
from pathlib import Path
from typing import cast

from sandbox.http import Reply
from sandbox.resources import Resources

GREETING = Reply(
    200, b"Served by a practice cloud.\n", {"connection": "close"}, "text/plain"
).encode()


class Edge:
    """Chooses a certificate by server name; one that it does not serve is refused by an alert."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._entry = _context()
        self._entry.sni_callback = self._choose
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()

    async def start(self, host: str, port: int) -> asyncio.Server:
        """Listen; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._entry, self._open), host, port, backlog=1024
        )
        return self._server

    def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
        for transport in list(self._open):
            transport.close()

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        resource = self._resources.by_host(name) if name else None
        served = resource.served if resource else None
        if served is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._context_of(served["material"])
        return None

    def _context_of(self, material: str) -> ssl.SSLContext:
        context = self._contexts.get(material)
        if context is None:
            context = self._contexts[material] = self._load(material)
        return context

    def _load(self, number: str) -> ssl.SSLContext:
        """The ssl module takes keys from files only: a private one, gone as soon as it is read."""
        material = self._resources.material(number)
        context = _context()
        with tempfile.TemporaryDirectory(prefix="certroll-sandbox-") as folder:
            path = Path(folder, "edge.pem")
            path.touch(0o600)
            path.write_text(f"{material.pem.strip()}\n{material.key.strip()}\n")
            context.load_cert_chain(path)
        return context


class _Connection(asyncio.Protocol):
    """TLS by hand: asyncio's own drops the alert that says why a handshake was refused."""

    def __init__(self, context: ssl.SSLContext, still_open: set[asyncio.BaseTransport]) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._secured = False
        self._open = still_open
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        over = True
        try:
            self._advance()
        except ssl.SSLWantReadError:
            over = False
        except (ssl.SSLError, ValueError):  # a refused name, or bytes that are not TLS
            pass
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())
        if over:
            self._transport.close()

    def _advance(self) -> None:
        """Go on with the handshake; then answer whoever speaks, though most only look and leave."""
        if not self._secured:
            self._tls.do_handshake()
            self._secured = True
        if self._tls.read(4096):
            self._tls.write(GREETING)
            with contextlib.suppress(ssl.SSLWantReadError):  # nobody waits for the other's goodbye
                self._tls.unwrap()


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # nobody resumes, and a ticket could outlive the certificate it shows
    context.options |= ssl.OP_NO_TICKET
    return context
