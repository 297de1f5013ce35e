"""Tests of the proxy: each end notices what happens at the other end."""

import contextlib
import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.chaos.proxy import Proxy

TIMEOUT = 5.0
BACKLOG = 1


def reset(connection: socket.socket) -> None:
    """Close with unread bytes, as a killed process does."""
    connection.recv(1)
    connection.close()


@pytest.mark.parametrize("end", [reset, socket.socket.close])
def test_a_client_that_waits_for_an_answer_notices_that_the_server_has_closed(
    end: Callable[[socket.socket], None],
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as server:
        proxy = Proxy(server.getsockname()[1])
        with closing(proxy), socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.settimeout(TIMEOUT)
            client.sendall(b"question")
            connection, _ = server.accept()
            connection.settimeout(TIMEOUT)
            end(connection)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
