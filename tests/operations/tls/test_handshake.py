"""Handshakes with real servers on loopback, and the addresses of an endpoint."""

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

from operations.tls.handshake import (
    MAX_ADDRESSES,
    Endpoint,
    HandshakeResult,
    build_unresolved_result,
    resolve,
    shake_hands,
)
from starter.temporal.processes import find_free_port
from tests.support.factory import CA, Leaf

Talk = Callable[[socket.socket], None]


@contextmanager
def serve(talk: Talk) -> Iterator[int]:
    """A port of loopback whose connections `talk` handles, one after the other."""
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
    """Serves www.example.com by SNI, and another certificate for all other names."""
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

    with serve(talk) as port:
        yield port


def at(port: int, name: str = "www.example.com") -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, server_name=name)


def test_the_result_has_the_fingerprint_of_the_served_leaf(
    edge: int, leaves: dict[str, Leaf]
) -> None:
    result, expected = shake_hands(at(edge)), leaves["www.example.com"].fingerprint
    assert (result.fingerprint, result.error, result.reached) == (expected, None, True)
    assert str(result) == expected[:12]


def test_the_result_has_all_certificates_that_the_server_sent_leaf_first(
    ca: CA, tmp_path: Path
) -> None:
    leaf = ca.leaf(["www.example.com"])
    for chain in (leaf.chain_pem, b""):
        file = tmp_path / "edge.pem"
        file.write_bytes(leaf.leaf_pem + chain + leaf.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)

        def talk(connection: socket.socket, context: ssl.SSLContext = context) -> None:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

        with serve(talk) as port:
            result = shake_hands(at(port))
        sent = x509.load_pem_x509_certificates(leaf.leaf_pem + chain)
        assert list(result.sent_chain) == [each.public_bytes(Encoding.DER) for each in sent]
        assert result.chain == tuple(each.fingerprint(SHA256()).hex() for each in sent)
        assert result.chain[0] == result.fingerprint == leaf.fingerprint


def test_a_client_without_sni_gets_the_default_certificate(
    edge: int, leaves: dict[str, Leaf]
) -> None:
    nameless = Endpoint(host="127.0.0.1", port=edge, server_name=None)
    assert shake_hands(nameless).fingerprint == leaves["default.example.com"].fingerprint
    assert str(nameless) == f"no name at 127.0.0.1:{edge}"


def test_the_server_name_decides_the_certificate(edge: int, leaves: dict[str, Leaf]) -> None:
    result = shake_hands(at(edge, "other.example.com"))
    assert result.fingerprint == leaves["default.example.com"].fingerprint


def test_a_server_that_refuses_the_name_gives_an_error(edge: int) -> None:
    result = shake_hands(at(edge, "refused.example.com"))
    assert result.fingerprint is None
    assert result.error is not None
    assert "UNRECOGNIZED_NAME" in result.error


def test_a_port_without_a_listener_is_not_reached() -> None:
    result = shake_hands(at(find_free_port()))
    assert result == HandshakeResult(fingerprint=None, error="Connection refused", reached=False)
    assert str(result) == "no certificate (Connection refused)"


def test_a_server_without_tls_gives_an_error() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with serve(talk) as port:
        result = shake_hands(at(port))
    assert result.fingerprint is None
    assert result.error


def test_a_server_that_hangs_up_gives_an_error() -> None:
    with serve(lambda connection: None) as port:
        result = shake_hands(at(port))
    assert result.fingerprint is None
    assert result.error


def test_a_silent_server_gives_an_error_after_the_timeout() -> None:
    done = threading.Event()

    def talk(connection: socket.socket) -> None:
        done.wait(10)

    with serve(talk) as port:
        result = shake_hands(at(port), timeout=0.1)
        done.set()
    assert (result.fingerprint, result.error, result.reached) == (None, "TimeoutError", True)


def test_a_name_that_does_not_resolve_is_not_reached() -> None:
    for host in ("nowhere.invalid", f"{'a' * 70}.example.com"):
        result = shake_hands(Endpoint(host=host, port=443, server_name=None))
        assert (result.fingerprint, result.reached) == (None, False)
        assert result.error


def test_an_endpoint_shows_its_name_and_address() -> None:
    assert str(at(443)) == "www.example.com at 127.0.0.1:443"


def at_host(host: str) -> Endpoint:
    return Endpoint(host=host, port=443, server_name="www.example.com")


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_an_ip_address_resolves_to_itself(host: str) -> None:
    assert resolve(at_host(host)) == (at_host(host),)


def test_a_name_resolves_to_its_ipv4_and_ipv6_addresses_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses = [("192.0.2.7", 443), ("2001:db8::7", 443, 0, 0), ("192.0.2.7", 443)]
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert resolve(at_host("edge.example.net")) == (at_host("192.0.2.7"), at_host("2001:db8::7"))


def test_only_the_first_addresses_of_a_farm_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 443)) for n in range(99)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert len(resolve(at_host("edge.example.net"))) == MAX_ADDRESSES


def test_the_name_of_this_machine_resolves() -> None:
    assert "127.0.0.1" in {each.host for each in resolve(at_host("localhost"))}


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 70}.example.com"])
def test_a_name_without_an_address_has_none(host: str) -> None:
    assert resolve(at_host(host)) == ()
    result = build_unresolved_result(at_host(host))
    assert (result.fingerprint, result.reached) == (None, False)
    assert host in (result.error or "")
