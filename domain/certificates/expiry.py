"""What serves which certificate until when, in words; and which certificate stands ready."""

from collections.abc import Iterable
from datetime import datetime

from domain.certificates.renewal import newest
from domain.model import Value


class Held(Value):
    """A certificate of ours, as far as expiry asks; `issuer` is a common name."""

    fingerprint: str
    name: str
    names: tuple[str, ...]
    algorithm: str
    issuer: str | None
    not_after: datetime
    replaces: str | None = None


class Ready(Value):
    """A certificate of ours that could take the place of what is served."""

    fingerprint: str
    name: str
    not_after: datetime


class Place(Value):
    """How many resources of one service in one account."""

    account: str
    service: str
    resources: int


class Served(Value):
    """One certificate that is served, as far as services tell.

    `fingerprint` is None where a service tells only a name; whether it is ours (`managed`) is not
    known then. `not_after` is None where neither the service nor our own copy tells it.
    """

    fingerprint: str | None
    name: str | None
    names: tuple[str, ...] = ()
    issuer: str | None = None
    not_after: datetime | None
    managed: bool | None
    successor: Ready | None = None
    resources: int
    places: tuple[Place, ...]


class Serving(Value):
    """One resource and the certificate that it serves; fields as in `Served`."""

    resource: str
    account: str
    service: str
    domains: tuple[str, ...]
    fingerprint: str | None
    name: str | None
    issuer: str | None
    not_after: datetime | None
    managed: bool | None
    successor: Ready | None


class Unknown(Value):
    """A resource of which it is not known what it serves, or until when."""

    resource: str
    account: str
    service: str
    name: str | None
    reason: str


class Drift(Value):
    """A resource that serves something else than our last deployment there left.

    `serves` is a fingerprint, None where HTTPS is off; `seen_at` is when that was told. `address`
    is where a handshake has shown it and `problem` what is wrong there; None where it is the
    service that says so.
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


class Counts(Value):
    """Resources that are not gone: all, and those that deserve a look."""

    resources: int = 0
    unknown: int = 0
    unmanaged: int = 0
    drifted: int = 0


class Successors:
    """Finds what stands ready, for many certificates one after the other."""

    def __init__(self, held: Iterable[Held]) -> None:
        self._held = {each.fingerprint: each for each in held}
        self._links = {c.fingerprint: c.replaces for c in self._held.values() if c.replaces}
        self._followed = frozenset(self._links.values())
        self._by_names: dict[frozenset[str], list[Held]] = {}
        for each in self._held.values():
            self._by_names.setdefault(frozenset(each.names), []).append(each)

    def held(self, fingerprint: str | None) -> Held | None:
        """Our copy of what is served, if there is one."""
        return None if fingerprint is None else self._held.get(fingerprint)

    def of(
        self,
        fingerprint: str | None,
        names: Iterable[str],
        algorithm: str | None,
        not_after: datetime | None,
    ) -> Ready | None:
        """The newest that someone said replaces it, else the last to expire of the same names.

        A certificate with the same names has to expire later, and to have the same kind of key
        where the service tells that: another kind may be meant to serve beside it.
        """
        if fingerprint in self._followed:
            return _ready(self._held[newest(fingerprint, self._links)])
        fit = [
            each
            for each in self._by_names.get(frozenset(names), ())
            if not_after is not None
            and each.not_after > not_after
            and algorithm in (None, each.algorithm)
        ]
        return _ready(max(fit, key=lambda each: each.not_after)) if fit else None


def _ready(held: Held) -> Ready:
    return Ready(fingerprint=held.fingerprint, name=held.name, not_after=held.not_after)
