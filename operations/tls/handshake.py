"""Makes TLS handshakes with endpoints, as any client does; verification and tests call it."""

import _ssl
import hashlib
import ipaddress
import socket
import ssl

from pydantic import Field

from domain.model import Value


class Endpoint(Value):
    """Where to connect; `host` is a name or an IP address.

    `server_name` is sent as SNI; None sends none, as clients without SNI do.
    """

    host: str
    port: int
    server_name: str | None

    @property
    def host_and_port(self) -> str:
        """As a URL has them: an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.server_name or 'no name'} at {self.host_and_port}"


class HandshakeResult(Value):
    """The SHA-256 fingerprint of the leaf that the server sent, or an error.

    `sent_chain` has all certificates that it sent, in DER, the leaf first. `reached` is false if
    there was no connection, so that nothing is known of what it serves. `resolved` is false if the
    name has no address.
    """

    fingerprint: str | None
    error: str | None = None
    sent_chain: tuple[bytes, ...] = Field(default=(), repr=False)
    reached: bool = True
    resolved: bool = True

    @property
    def chain(self) -> tuple[str, ...]:
        """The fingerprints of all certificates that were sent."""
        return tuple(hashlib.sha256(each).hexdigest() for each in self.sent_chain)

    def __str__(self) -> str:
        return self.fingerprint[:12] if self.fingerprint else f"no certificate ({self.error})"


def shake_hands(endpoint: Endpoint, timeout: float = 5.0) -> HandshakeResult:
    """Makes one handshake; `timeout` in seconds. Never raises: an error is a result, too.

    It does not check trust: the question is which certificates are served, and a private authority
    may have issued them.
    """
    try:
        raw = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout)
    except (OSError, UnicodeError) as error:
        return HandshakeResult(fingerprint=None, error=_to_text(error), reached=False)
    try:
        with raw, _build_context().wrap_socket(raw, server_hostname=endpoint.server_name) as tls:
            sent = _get_sent_chain(tls)
    except ssl.SSLError as error:
        return HandshakeResult(fingerprint=None, error=error.reason or "TLS refused")
    except OSError as error:
        return HandshakeResult(fingerprint=None, error=_to_text(error))
    return HandshakeResult(fingerprint=hashlib.sha256(sent[0]).hexdigest(), sent_chain=sent)


def _to_text(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _get_sent_chain(tls: ssl.SSLSocket) -> tuple[bytes, ...]:
    """All certificates that the server sent, in DER; every cipher suite has at least one."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:  # pragma: no cover - since Python 3.13
        return tuple(public())
    # Before Python 3.13 the method exists only on the private object of the ssl module.
    inner = tls._sslobj  # type: ignore[attr-defined]
    return tuple(each.public_bytes(_ssl.ENCODING_DER) for each in inner.get_unverified_chain())


def _build_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


MAX_ADDRESSES = 16
"""How many addresses of one name are observed; more of them are a farm that serves alike."""


def resolve(endpoint: Endpoint) -> tuple[Endpoint, ...]:
    """The endpoint once for each of its IPv4 and IPv6 addresses; empty if the name has none.

    Blocks while the resolver answers, so call it in a thread, not in an event loop.
    """
    if _is_address(endpoint.host):
        return (endpoint,)
    try:
        answers = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    hosts = dict.fromkeys(str(address[0]) for *_, address in answers)
    return tuple(endpoint.model_copy(update={"host": host}) for host in list(hosts)[:MAX_ADDRESSES])


def build_unresolved_result(endpoint: Endpoint) -> HandshakeResult:
    """The result for a name without an address."""
    error = f"the name {endpoint.host} does not resolve"
    return HandshakeResult(fingerprint=None, error=error, reached=False, resolved=False)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
