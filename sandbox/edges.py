"""The addresses where TLS is served, and what is wrong with some of them."""

import asyncio
import socket
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Self
from zlib import crc32

from sandbox.edge import Edge
from sandbox.resources import Resources

KINDS = ("leaf_only", "wrong_chain", "refuse")


@dataclass(frozen=True)
class EdgeFault:
    """What the edges do with server names that fit the glob `host`; the first that fits decides.

    Kinds: leaf_only (no intermediates), wrong_chain (those of another authority, see `chain`),
    refuse (an alert). `share` is the part of the names that is hit, by the name alone. `address`
    limits it to one edge, HOST:PORT.
    """

    kind: str
    host: str = "*"
    share: float = 1.0
    address: str = "*"
    chain: str = ""

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Self:
        """A fault from its JSON object; raises ValueError on what it does not know."""
        if unknown := data.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"a fault of an edge has no {', '.join(sorted(unknown))}")
        if data.get("kind") not in KINDS:
            raise ValueError(f"the kind of such a fault is one of {', '.join(KINDS)}")
        if (data["kind"] == "wrong_chain") is not bool(data.get("chain")):
            raise ValueError("wrong_chain, and it alone, takes a chain: PEM")
        return cls(**data)

    def hits(self, host: str, address: str) -> bool:
        """Whether it is for this name at this edge."""
        dice = crc32(host.encode()) % 10_000 / 10_000
        return (
            fnmatchcase(host, self.host)
            and fnmatchcase(address, self.address)
            and dice < self.share
        )


class Edges:
    """Opens and closes edges; `faults` are in force at all of them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._open: dict[str, Edge] = {}
        self._listening: dict[str, socket.socket] = {}
        self._starting: set[asyncio.Task[asyncio.Server]] = set()
        self.faults: list[EdgeFault] = []

    def add(self, host: str, port: int, *, frozen: bool = False, default: str = "") -> str:
        """One more, which listens from now on; gives back HOST:PORT. OSError if that is taken.

        `frozen` goes on serving what it serves now, whatever is bound later. Clients that ask for
        no name get what `default` (a host) serves.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=1024)
        port = listening.getsockname()[1]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        edge = Edge(self._resources, address, self.faults, frozen=frozen, default=default)
        self._open[address], self._listening[address] = edge, listening
        task = asyncio.get_running_loop().create_task(edge.start(listening))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return address

    def remove(self, address: str) -> None:
        """Listens there no longer; ValueError if it did not."""
        edge = self._open.pop(address, None)
        if edge is None:
            raise ValueError(f"no edge at {address}; there are {[*self._open]}")
        edge.close()
        self._listening.pop(address).close()

    def close(self) -> None:
        """All of them."""
        for address in list(self._open):
            self.remove(address)
