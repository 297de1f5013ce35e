"""What an endpoint really serves, seen by a TLS handshake as any client makes it."""

import hashlib
import socket
import ssl

from domain.model import Value


class Endpoint(Value):
    """Where to connect, and the name to ask for."""

    host: str
    port: int
    server_name: str

    def __str__(self) -> str:
        return f"{self.server_name} at {self.host}:{self.port}"


class Seen(Value):
    """The SHA-256 fingerprint of the leaf that was shown, or why none was."""

    fingerprint: str | None
    error: str | None = None

    def __str__(self) -> str:
        return self.fingerprint[:12] if self.fingerprint else f"no certificate ({self.error})"


def look(endpoint: Endpoint, timeout: float = 5.0) -> Seen:
    """Shakes hands once; `timeout` in seconds. Never raises: no answer is an answer too.

    Trust is not checked, on purpose: the question is which certificate is served, also where a
    private authority issued it. The fingerprint says more than a chain could.
    """
    try:
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout=timeout) as raw,
            _context().wrap_socket(raw, server_hostname=endpoint.server_name) as tls,
        ):
            leaf = tls.getpeercert(binary_form=True)
    except ssl.SSLError as error:
        return Seen(fingerprint=None, error=error.reason or "TLS refused")
    except OSError as error:
        return Seen(fingerprint=None, error=error.strerror or type(error).__name__)
    assert leaf is not None  # noqa: S101 - no cipher suite that we offer goes without one
    return Seen(fingerprint=hashlib.sha256(leaf).hexdigest())


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
