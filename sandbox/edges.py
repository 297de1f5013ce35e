"""Opens and closes the addresses where TLS is served. The control API calls it."""

import asyncio
import socket

from sandbox.edge import Edge
from sandbox.edge_faults import EdgeFault
from sandbox.resources import Resources


class Edges:
    """Opens and closes edges; `faults` are in force at all of them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._open: dict[str, Edge] = {}
        self._listening: dict[str, socket.socket] = {}
        self._starting: set[asyncio.Task[asyncio.Server]] = set()
        self.faults: list[EdgeFault] = []

    def add(self, host: str, port: int, *, frozen: bool = False, default: str = "") -> str:
        """Opens an edge and returns HOST:PORT. Raises OSError if the port is in use.

        A `frozen` edge keeps what it serves now, whatever is bound later. Clients without a server
        name get what `default` (a host) serves.
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
        """Closes the edge; raises ValueError if there is none at this address."""
        edge = self._open.pop(address, None)
        if edge is None:
            raise ValueError(f"no edge at {address}; there are {[*self._open]}")
        edge.close()
        self._listening.pop(address).close()

    def close(self) -> None:
        """Closes all edges."""
        for address in list(self._open):
            self.remove(address)
