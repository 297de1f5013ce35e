"""Observes the addresses of an endpoint by handshakes, and classifies each observation.

The verifier and the evidence recorder call it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import cache

from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Certificate
from domain.certificates.served_chain import compare_chains
from domain.errors import BadInput
from domain.model import Value
from domain.plans.plan import Change
from domain.tasks.evidence import Handshake
from operations.tls import handshake
from operations.tls.handshake import Endpoint, HandshakeResult, shake_hands
from operations.tls.trust_store import SYSTEM, load_roots


class Verdict(StrEnum):
    """Whether an address serves the state after the change, another one, or does not answer.

    INCOMPLETE_CHAIN: the right leaf, but clients cannot build a chain to a root. IGNORED: the
    observation decides nothing.
    """

    SHOWN = "shown"
    OTHER = "other"
    INCOMPLETE_CHAIN = "incomplete-chain"
    UNREACHED = "unreached"
    IGNORED = "ignored"


class Observation(Value):
    """One handshake with one address of an endpoint; `note` says what is wrong or unusual."""

    endpoint: Endpoint
    address: Endpoint
    result: HandshakeResult
    verdict: Verdict
    note: str | None = None

    @property
    def problem(self) -> str | None:
        """What a report shows beside the fingerprints."""
        return self.result.error or self.note


class Prober:
    """Resolves endpoints and makes handshakes; tests pass functions of their own."""

    def __init__(
        self,
        probe: Callable[[Endpoint], HandshakeResult] = shake_hands,
        resolve: Callable[[Endpoint], tuple[Endpoint, ...]] = handshake.resolve,
    ) -> None:
        self.probe, self.resolve = probe, resolve

    def probe_all(self, endpoint: Endpoint) -> dict[Endpoint, HandshakeResult]:
        """The result at each address; if the name does not resolve, one result under the name."""
        found = {address: self.probe(address) for address in self.resolve(endpoint)}
        return found or {endpoint: handshake.build_unresolved_result(endpoint)}


class ObservationHistory:
    """The earlier handshakes of one change."""

    def __init__(self, handshakes: Iterable[Handshake] = ()) -> None:
        self._handshakes = list(handshakes)

    def add(self, handshakes: Iterable[Handshake]) -> None:
        self._handshakes += handshakes

    def has_before(self, direction: str) -> bool:
        """Whether the addresses were observed before the change in this direction."""
        return any(
            each.moment == "before" and each.direction == direction for each in self._handshakes
        )

    def was_reached(self, address: Endpoint) -> bool:
        """Whether this address answered."""
        return any(
            each.reached
            and (each.address, each.server_name) == (address.host_and_port, address.server_name)
            for each in self._handshakes
        )

    def was_name_reached(self, endpoint: Endpoint) -> bool:
        """Whether any address answered under this name."""
        return any(
            each.reached and each.server_name == endpoint.server_name for each in self._handshakes
        )

    def has_shown(self, address: Endpoint, fingerprint: str | None) -> bool:
        """Whether this address showed that certificate."""
        return fingerprint is not None and any(
            (each.address, each.server_name, each.observed)
            == (address.host_and_port, address.server_name, fingerprint)
            for each in self._handshakes
        )


def classify(
    result: HandshakeResult,
    address: Endpoint,
    change: Change,
    ours: Certificate | None,
    history: ObservationHistory,
    at: datetime,
) -> tuple[Verdict, str | None]:
    """The verdict on a handshake, and a note on it.

    `ours` is our copy of the certificate after the change, to compare the chain; None if we hold
    none. Without a server name a listener shows its default certificate. That counts only if the
    same address showed the certificate before the change in the same way: elsewhere the default
    may belong to another resource.
    """
    before = change.before.fingerprint if change.before else None
    is_default_only = address.server_name is None and not history.has_shown(address, before)
    if is_default_only and (change.after is None or result.fingerprint != change.after.fingerprint):
        return Verdict.IGNORED, "did not show this resource's certificate before the change either"
    if not result.reached:
        is_closed = change.after is None and history.was_reached(address)
        return (Verdict.SHOWN if is_closed else Verdict.UNREACHED), None
    if not shows_state_after(result, change):
        return Verdict.OTHER, None
    if ours is None or ours.fingerprint != result.fingerprint:
        return Verdict.SHOWN, None
    view = compare_chains(result.sent_chain, ours, list_system_root_subjects, at)
    return (Verdict.INCOMPLETE_CHAIN if view.problem else Verdict.SHOWN), view.problem or view.note


def shows_state_after(result: HandshakeResult, change: Change) -> bool:
    """Whether an endpoint shows the state after the change.

    If that state has no fingerprint (HTTPS off, or a service that does not report one), a
    handshake can only show that the state before is gone.
    """
    if change.after and change.after.fingerprint:
        return result.fingerprint == change.after.fingerprint
    if change.before and change.before.fingerprint:
        return result.fingerprint != change.before.fingerprint
    return change.after is None or result.fingerprint is not None


@cache
def list_system_root_subjects() -> frozenset[bytes]:
    """The subjects, in DER, of the roots that this machine trusts; empty if it has no bundle."""
    try:
        roots = load_roots(SYSTEM) or ()
    except BadInput:
        return frozenset()
    loaded = (x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in roots)
    return frozenset(each.subject.dump() for each in loaded)
