"""What a handshake tells, against real servers on loopback."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from operations.tls.handshake import Endpoint, Seen, look
from starter.temporal.processes import free_port
from tests.support.factory import CA, Leaf

Talk = Callable[[socket.socket], None]


@contextmanager
def served(talk: Talk) -> Iterator[int]:
    """A port of loopback where each connection is handed to `talk`, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    talk(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def context_with(leaf: Leaf, folder: Path) -> ssl.SSLContext:
    file = folder / f"{leaf.fingerprint}.pem"
    file.write_bytes(leaf.pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module")
def leaves(ca: CA) -> dict[str, Leaf]:
    return {name: ca.leaf([name]) for name in ("default.example.com", "www.example.com")}


@pytest.fixture
def edge(leaves: dict[str, Leaf], tmp_path: Path) -> Iterator[int]:
    """Serves www.example.com by SNI, and another certificate to all other names."""
    contexts = {name: context_with(leaf, tmp_path) for name, leaf in leaves.items()}
    default = contexts["default.example.com"]

    def choose(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name == "refused.example.com":
            return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        tls.context = contexts.get(name or "", default)
        return None

    default.sni_callback = choose

    def talk(connection: socket.socket) -> None:
        with ExitStack() as stack:
            try:
                tls = stack.enter_context(default.wrap_socket(connection, server_side=True))
                tls.recv(1)
            except OSError:
                return

    with served(talk) as port:
        yield port


def at(port: int, name: str = "www.example.com") -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, server_name=name)


def test_the_leaf_that_is_served_is_told_by_its_fingerprint(
    edge: int, leaves: dict[str, Leaf]
) -> None:
    seen, expected = look(at(edge)), leaves["www.example.com"].fingerprint
    assert (seen.fingerprint, seen.error, seen.reached) == (expected, None, True)
    assert str(seen) == expected[:12]


def test_all_that_the_server_sends_is_told_leaf_first(ca: CA, tmp_path: Path) -> None:
    leaf = ca.leaf(["www.example.com"])
    for chain in (leaf.chain_pem, b""):
        file = tmp_path / "edge.pem"
        file.write_bytes(leaf.leaf_pem + chain + leaf.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)

        def talk(connection: socket.socket, context: ssl.SSLContext = context) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

        with served(talk) as port:
            seen = look(at(port))
        sent = x509.load_pem_x509_certificates(leaf.leaf_pem + chain)
        assert list(seen.sent) == [each.public_bytes(Encoding.DER) for each in sent]
        assert seen.chain == tuple(each.fingerprint(SHA256()).hex() for each in sent)
        assert seen.chain[0] == seen.fingerprint == leaf.fingerprint


def test_a_client_that_asks_for_no_name_gets_the_default(
    edge: int, leaves: dict[str, Leaf]
) -> None:
    nameless = Endpoint(host="127.0.0.1", port=edge, server_name=None)
    assert look(nameless).fingerprint == leaves["default.example.com"].fingerprint
    assert str(nameless) == f"no name at 127.0.0.1:{edge}"


def test_the_name_that_is_asked_for_decides(edge: int, leaves: dict[str, Leaf]) -> None:
    seen = look(at(edge, "other.example.com"))
    assert seen.fingerprint == leaves["default.example.com"].fingerprint


def test_a_server_that_refuses_the_name_shows_none(edge: int) -> None:
    seen = look(at(edge, "refused.example.com"))
    assert seen.fingerprint is None
    assert seen.error is not None
    assert "UNRECOGNIZED_NAME" in seen.error


def test_where_nothing_listens_the_connection_is_refused() -> None:
    seen = look(at(free_port()))
    assert seen == Seen(fingerprint=None, error="Connection refused", reached=False)
    assert str(seen) == "no certificate (Connection refused)"


def test_a_server_that_speaks_no_tls_shows_none() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with served(talk) as port:
        seen = look(at(port))
    assert seen.fingerprint is None
    assert seen.error


def test_a_server_that_hangs_up_shows_none() -> None:
    with served(lambda connection: None) as port:
        seen = look(at(port))
    assert seen.fingerprint is None
    assert seen.error


def test_a_server_that_says_nothing_is_left_after_the_timeout() -> None:
    done = threading.Event()

    def talk(connection: socket.socket) -> None:
        done.wait(10)

    with served(talk) as port:
        seen = look(at(port), timeout=0.1)
        done.set()
    assert (seen.fingerprint, seen.error, seen.reached) == (None, "TimeoutError", True)


def test_a_name_that_cannot_be_resolved_is_not_reached() -> None:
    for host in ("nowhere.invalid", f"{'a' * 70}.example.com"):
        seen = look(Endpoint(host=host, port=443, server_name=None))
        assert (seen.fingerprint, seen.reached) == (None, False)
        assert seen.error


def test_an_endpoint_is_shown_with_name_and_place() -> None:
    assert str(at(443)) == "www.example.com at 127.0.0.1:443"
