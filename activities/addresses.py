"""Every address at which an endpoint is served: what a client may be given, one by one."""

import ipaddress
import socket

from activities.handshake import Endpoint, Seen

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
