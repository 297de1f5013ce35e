"""What an endpoint really serves, seen by a TLS handshake as any client makes it."""

import _ssl
import hashlib
import ipaddress
import socket
import ssl

from pydantic import Field

from domain.model import Value


class Endpoint(Value):
    """Where to connect, and the name to ask for; None asks for none, as clients without SNI do.

    `host` is a name or an address.
    """

    host: str
    port: int
    server_name: str | None

    @property
    def place(self) -> str:
        """Host and port, as a URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.server_name or 'no name'} at {self.place}"


class Seen(Value):
    """The SHA-256 fingerprint of the leaf that was shown, or why none was.

    `sent` are all certificates that were sent, in DER, the leaf first. `reached` is false where
    not even a connection came about: nobody knows then what is served there.
    """

    fingerprint: str | None
    error: str | None = None
    sent: tuple[bytes, ...] = Field(default=(), repr=False)
    reached: bool = True

    @property
    def chain(self) -> tuple[str, ...]:
        """The fingerprints of all that was sent."""
        return tuple(hashlib.sha256(each).hexdigest() for each in self.sent)

    def __str__(self) -> str:
        return self.fingerprint[:12] if self.fingerprint else f"no certificate ({self.error})"


def look(endpoint: Endpoint, timeout: float = 5.0) -> Seen:
    """Shakes hands once; `timeout` in seconds. Never raises: no answer is an answer too.

    Trust is not checked, on purpose: the question is which certificates are served, also where a
    private authority issued them.
    """
    try:
        raw = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout)
    except (OSError, UnicodeError) as error:
        return Seen(fingerprint=None, error=_why(error), reached=False)
    try:
        with raw, _context().wrap_socket(raw, server_hostname=endpoint.server_name) as tls:
            sent = _sent(tls)
    except ssl.SSLError as error:
        return Seen(fingerprint=None, error=error.reason or "TLS refused")
    except OSError as error:
        return Seen(fingerprint=None, error=_why(error))
    return Seen(fingerprint=hashlib.sha256(sent[0]).hexdigest(), sent=sent)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _sent(tls: ssl.SSLSocket) -> tuple[bytes, ...]:
    """All certificates that the server has sent, in DER; never none: every suite has one."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return tuple(public())
    # Before Python 3.13 the same is there, but for the ssl module's own use.
    inner = tls._sslobj  # type: ignore[attr-defined]
    return tuple(each.public_bytes(_ssl.ENCODING_DER) for each in inner.get_unverified_chain())


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


MOST = 16
"""Addresses of one name that are looked at; a name with more is a farm that all serve alike."""


def resolve(endpoint: Endpoint) -> tuple[Endpoint, ...]:
    """The endpoint once for each of its IPv4 and IPv6 addresses; none where none is known.

    Blocks while the resolver answers: for threads, never for an event loop.
    """
    if _is_address(endpoint.host):
        return (endpoint,)
    try:
        answers = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    hosts = dict.fromkeys(str(place[0]) for *_, place in answers)
    return tuple(endpoint.model_copy(update={"host": host}) for host in list(hosts)[:MOST])


def unresolved(endpoint: Endpoint) -> Seen:
    """What is seen of a name without an address."""
    error = f"the name {endpoint.host} does not resolve"
    return Seen(fingerprint=None, error=error, reached=False)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
