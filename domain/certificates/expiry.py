"""The values of the expiry view, and the search for successors; storage/expiry builds them."""

from collections.abc import Iterable
from datetime import datetime

from domain.certificates.renewal import find_newest
from domain.model import Value


class OwnCertificate(Value):
    """The part of our copy of a certificate that the expiry view needs.

    `issuer` is a common name; `replaces` is the fingerprint of its predecessor.
    """

    fingerprint: str
    name: str
    names: tuple[str, ...]
    algorithm: str
    issuer: str | None
    not_after: datetime
    replaces: str | None = None


class Successor(Value):
    """A certificate of ours that can replace the one in service."""

    fingerprint: str
    name: str
    not_after: datetime


class ServiceCount(Value):
    """How many resources of one service in one account serve a certificate."""

    account: str
    service: str
    resources: int


class ServedCertificate(Value):
    """One certificate that resources serve, by the reports of their services.

    `fingerprint` is None if the service reports only a name; then it is unknown whether the
    certificate is ours (`managed`). `not_after` is None if neither the service nor our copy has it.
    """

    fingerprint: str | None
    name: str | None
    names: tuple[str, ...] = ()
    issuer: str | None = None
    not_after: datetime | None
    managed: bool | None
    successor: Successor | None = None
    resources: int
    services: tuple[ServiceCount, ...]


class ServingResource(Value):
    """One resource and the certificate that it serves; fields as in `ServedCertificate`."""

    resource: str
    account: str
    service: str
    domains: tuple[str, ...]
    fingerprint: str | None
    name: str | None
    issuer: str | None
    not_after: datetime | None
    managed: bool | None
    successor: Successor | None


class UnknownExpiry(Value):
    """A resource whose certificate or expiry is unknown, and why.

    `code` is "not-read", "sync-failed", "unclear-change", "no-certificate" or "no-expiry" (the
    last two: the service does not report it).
    """

    resource: str
    account: str
    service: str
    name: str | None
    code: str
    reason: str


class Drift(Value):
    """A resource that serves something else than our last deployment there.

    `serves` is a fingerprint, None if HTTPS is off; `seen_at` is when that was reported. If a
    handshake found the drift, `address` is where and `problem` is what is wrong there; both are
    None if the service itself reports it.
    """

    resource: str
    account: str
    service: str
    deployed: str
    serves: str | None
    name: str | None
    not_after: datetime | None
    managed: bool | None
    task_id: str
    task_name: str
    deployed_at: datetime
    seen_at: datetime
    address: str | None = None
    problem: str | None = None


class ResourceCounts(Value):
    """How many resources exist, and how many of them need attention."""

    resources: int = 0
    unknown: int = 0
    unmanaged: int = 0
    drifted: int = 0


class SuccessorIndex:
    """Finds successors among our certificates, for many served ones in a row."""

    def __init__(self, own: Iterable[OwnCertificate]) -> None:
        self._own = {each.fingerprint: each for each in own}
        self._links = {c.fingerprint: c.replaces for c in self._own.values() if c.replaces}
        self._replaced = frozenset(self._links.values())
        self._by_names: dict[frozenset[str], list[OwnCertificate]] = {}
        for each in self._own.values():
            self._by_names.setdefault(frozenset(each.names), []).append(each)

    def get_own(self, fingerprint: str | None) -> OwnCertificate | None:
        """Our copy of the certificate, if there is one."""
        return None if fingerprint is None else self._own.get(fingerprint)

    def find_successor(
        self,
        fingerprint: str | None,
        names: Iterable[str],
        algorithm: str | None,
        not_after: datetime | None,
    ) -> Successor | None:
        """The newest certificate that replaces it by `replaces`, else one with the same names.

        Of several with the same names it is the last to expire. Such a certificate must expire
        later and have the same kind of key, if the service reports the kind: a certificate with
        another kind of key may be meant to serve beside the old one.
        """
        if fingerprint in self._replaced:
            return _to_successor(self._own[find_newest(fingerprint, self._links)])
        fit = [
            each
            for each in self._by_names.get(frozenset(names), ())
            if not_after is not None
            and each.not_after > not_after
            and algorithm in (None, each.algorithm)
        ]
        return _to_successor(max(fit, key=lambda each: each.not_after)) if fit else None


def _to_successor(own: OwnCertificate) -> Successor:
    return Successor(fingerprint=own.fingerprint, name=own.name, not_after=own.not_after)
