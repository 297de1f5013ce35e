"""What looks at the addresses of an endpoint mean for a change."""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import cache

from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Certificate
from domain.certificates.served_chain import compare
from domain.errors import BadInput
from domain.model import Value
from domain.plans.plan import Change
from domain.tasks.evidence import Handshake
from operations.tls import handshake
from operations.tls.handshake import Endpoint, Seen, look
from operations.tls.trust_store import SYSTEM, roots_of


class Finding(StrEnum):
    """What one look found: the state after the change, another one, or nothing at all.

    `CHAIN` is the right leaf without what leads to a root; `ASIDE` is a look that decides nothing.
    """

    SHOWN = "shown"
    OTHER = "other"
    CHAIN = "chain"
    UNREACHED = "unreached"
    ASIDE = "aside"


class Look(Value):
    """One look at one address of an endpoint; `note` is what is wrong or unusual."""

    endpoint: Endpoint
    address: Endpoint
    seen: Seen
    finding: Finding
    note: str | None = None

    @property
    def problem(self) -> str | None:
        """What a person should know of it beside the fingerprints."""
        return self.seen.error or self.note


class Eyes:
    """How addresses are found and looked at; tests give their own."""

    def __init__(
        self,
        look: Callable[[Endpoint], Seen] = look,
        resolve: Callable[[Endpoint], tuple[Endpoint, ...]] = handshake.resolve,
    ) -> None:
        self.look, self.resolve = look, resolve

    def all_of(self, endpoint: Endpoint) -> dict[Endpoint, Seen]:
        """What each address of the endpoint shows; where it has none, that under its own name."""
        found = {address: self.look(address) for address in self.resolve(endpoint)}
        return found or {endpoint: handshake.unresolved(endpoint)}


class Past:
    """What earlier looks of one change have found."""

    def __init__(self, looks: Iterable[Handshake] = ()) -> None:
        self._looks = list(looks)

    def add(self, looks: Iterable[Handshake]) -> None:
        """Those of a moment ago."""
        self._looks += looks

    def has(self, direction: str) -> bool:
        """Whether it was looked before this direction's change."""
        return any(each.moment == "before" and each.direction == direction for each in self._looks)

    def reached(self, address: Endpoint) -> bool:
        """Whether something answered at this address."""
        return any(
            each.reached
            and (each.address, each.server_name) == (address.place, address.server_name)
            for each in self._looks
        )

    def reached_name(self, endpoint: Endpoint) -> bool:
        """Whether something answered at any address of this name."""
        return any(
            each.reached and each.server_name == endpoint.server_name for each in self._looks
        )

    def showed(self, address: Endpoint, fingerprint: str | None) -> bool:
        """Whether this very address showed that certificate."""
        return fingerprint is not None and any(
            (each.address, each.server_name, each.seen)
            == (address.place, address.server_name, fingerprint)
            for each in self._looks
        )


def judge(
    seen: Seen,
    address: Endpoint,
    change: Change,
    ours: Certificate | None,
    past: Past,
    at: datetime,
) -> tuple[Finding, str | None]:
    """What `seen` says of the change, and what is to be noted.

    `ours` is our copy of the certificate after the change, for its chain; None where there is none.
    Without a server name a listener shows its default: that counts where the same address showed
    the certificate before the change so. Elsewhere another resource may be asked that way.
    """
    before = change.before.fingerprint if change.before else None
    aside = address.server_name is None and not past.showed(address, before)
    if aside and (change.after is None or seen.fingerprint != change.after.fingerprint):
        return Finding.ASIDE, "did not show this resource's certificate before the change either"
    if not seen.reached:
        gone = change.after is None and past.reached(address)
        return (Finding.SHOWN if gone else Finding.UNREACHED), None
    if not arrived(seen, change):
        return Finding.OTHER, None
    if ours is None or ours.fingerprint != seen.fingerprint:
        return Finding.SHOWN, None
    view = compare(seen.sent, ours, system_roots, at)
    return (Finding.CHAIN if view.problem else Finding.SHOWN), view.problem or view.note


def arrived(seen: Seen, change: Change) -> bool:
    """Whether an endpoint shows the state after the change.

    Where that state has no fingerprint (HTTPS off, or a service that tells none) the most that a
    handshake can show is that the state before is gone.
    """
    if change.after and change.after.fingerprint:
        return seen.fingerprint == change.after.fingerprint
    if change.before and change.before.fingerprint:
        return seen.fingerprint != change.before.fingerprint
    return change.after is None or seen.fingerprint is not None


@cache
def system_roots() -> frozenset[bytes]:
    """The subjects, in DER, of the roots that this machine trusts."""
    try:
        roots = roots_of(SYSTEM) or ()
    except BadInput:
        return frozenset()  # a machine without any trusts none
    loaded = (x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in roots)
    return frozenset(each.subject.dump() for each in loaded)
