"""The network between two processes: what happens at one end is seen at the other one."""

import contextlib
import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.chaos.proxy import Proxy

PATIENCE = 5.0
BACKLOG = 1


def reset(connection: socket.socket) -> None:
    """Closes it with what was sent to it unread, as a killed process does."""
    connection.recv(1)
    connection.close()


@pytest.mark.parametrize("end", [reset, socket.socket.close])
def test_who_waits_for_an_answer_learns_that_the_other_end_is_gone(
    end: Callable[[socket.socket], None],
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as server:
        proxy = Proxy(server.getsockname()[1])
        with closing(proxy), socket.create_connection(("127.0.0.1", proxy.port)) as asking:
            asking.settimeout(PATIENCE)
            asking.sendall(b"question")
            there, _ = server.accept()
            there.settimeout(PATIENCE)
            end(there)
            with contextlib.suppress(ConnectionResetError):
                assert asking.recv(1) == b""
