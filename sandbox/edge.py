"""A TLS edge: one port that presents, by server name, what each resource serves right now.

`edges` opens it.
"""

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from sandbox.edge_faults import EdgeFault
from sandbox.http import Reply
from sandbox.resources import Resources, SandboxBinding

END = "-----END CERTIFICATE-----"
GREETING = Reply(
    200, b"Served by a practice cloud.\n", {"connection": "close"}, "text/plain"
).encode()


class Edge:
    """Chooses a certificate by server name; answers an unknown name with an alert.

    A `frozen` edge keeps what it served at first. `default` is the host for clients without a
    server name.
    """

    def __init__(
        self,
        resources: Resources,
        address: str = "",
        faults: Sequence[EdgeFault] = (),
        *,
        frozen: bool = False,
        default: str = "",
    ) -> None:
        self._resources, self._address, self._faults = resources, address, faults
        self._default = default
        self._frozen = {one.key: one.served for one in resources} if frozen else {}
        self._contexts: dict[tuple[str, EdgeFault | None], ssl.SSLContext] = {}
        self._entry = _build_context()
        self._entry.sni_callback = self._choose
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()

    async def start(self, listening: socket.socket) -> asyncio.Server:
        """Accepts connections at a socket that listens already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._entry, self._open), sock=listening, backlog=1024
        )
        return self._server

    def close(self) -> None:
        """Stops listening and closes open connections."""
        if self._server is not None:
            self._server.close()
        for transport in list(self._open):
            transport.close()

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        host = name or self._default
        served = self._get_served(host)
        fault = next((one for one in self._faults if one.matches(host, self._address)), None)
        if served is None or (fault and fault.kind == "refuse"):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._get_context(served["material"], fault)
        return None

    def _get_served(self, host: str) -> SandboxBinding | None:
        resource = self._resources.find_by_host(host) if host else None
        if resource is None:
            return None
        return self._frozen.get(resource.key, resource.served)

    def _get_context(self, material: str, fault: EdgeFault | None) -> ssl.SSLContext:
        context = self._contexts.get((material, fault))
        if context is None:
            context = self._contexts[material, fault] = self._load(material, fault)
        return context

    def _load(self, number: str, fault: EdgeFault | None) -> ssl.SSLContext:
        """The ssl module reads keys only from files: this one is private and deleted at once."""
        material = self._resources.get_material(number)
        context = _build_context()
        with tempfile.TemporaryDirectory(prefix="certroll-sandbox-") as folder:
            path = Path(folder, "edge.pem")
            path.touch(0o600)
            chain = material.pem.strip()
            if fault:  # "leaf_only" has no chain of its own
                chain = f"{chain.partition(END)[0]}{END}\n{fault.chain}"
            path.write_text(f"{chain.strip()}\n{material.key.strip()}\n")
            context.load_cert_chain(path)
        return context


class _Connection(asyncio.Protocol):
    """TLS without asyncio's own support, which drops the alert of a refused handshake."""

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
        """Continues the handshake, then answers whatever the client sends; most send nothing."""
        if not self._secured:
            self._tls.do_handshake()
            self._secured = True
        if self._tls.read(4096):
            self._tls.write(GREETING)
            with contextlib.suppress(
                ssl.SSLWantReadError
            ):  # neither side waits for the close_notify of the other
                self._tls.unwrap()


def _build_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # a ticket could outlive the certificate
    context.options |= ssl.OP_NO_TICKET
    return context
