"""Waits until a service reports a change as done and handshakes show it at every address.

The activity `deploy` and reverification call it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic

from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.errors import ChainIncomplete, NoLongerReachable, NotServed, Permanent
from domain.plans.plan import Change
from domain.resources.connector import Connector
from domain.resources.resource import describe_binding
from operations.tls.handshake import Endpoint
from operations.verification.observation import (
    Observation,
    ObservationHistory,
    Prober,
    Verdict,
    classify,
)

MAX_PAUSE_SECONDS = 5.0

ATTEMPTS_IF_UNREACHED = 3
"""How often to try an address that did not answer before the change either."""


class Verifier:
    """Verifies one change; `pause` is called between observations with the seconds to wait.

    `deadline` is a time of the monotonic clock. `ours` is our copy of the certificate after the
    change, `history` the earlier handshakes. `observations` has the last one of each address.
    """

    def __init__(
        self,
        change: Change,
        deadline: float,
        prober: Prober,
        pause: Callable[[float], None],
        *,
        ours: Certificate | None = None,
        history: ObservationHistory | None = None,
    ) -> None:
        self._change, self._deadline = change, deadline
        self._prober, self._pause = prober, pause
        self._ours, self._history = ours, history or ObservationHistory()
        self.observations: dict[Endpoint, Observation] = {}

    def wait_until_arrived(self, connector: Connector) -> None:
        """Returns once the service reports the change as done; raises Permanent at the deadline."""
        resource, after = self._change.resource, self._change.after
        for seconds in list_pauses():  # pragma: no branch - without end
            if connector.has_arrived(resource, after.ref if after else None):
                return
            if monotonic() + seconds > self._deadline:
                raise Permanent(
                    f"{resource.id} accepted the change but does not report it as done",
                    code="NotSettled",
                    advice="Look at the resource in the provider's console, then deploy again.",
                )
            self._pause(seconds)

    def wait_until_served(self, endpoints: Sequence[Endpoint]) -> Cause | None:
        """Observes every address until each shows the state after the change, or the deadline.

        Returns None if all addresses that answer show it, and a cause if no answer decides, so
        that nothing is known. Raises NotServed, ChainIncomplete or NoLongerReachable, which name
        the addresses.
        """
        allowed = max(self._deadline - monotonic(), 0.0)
        for number, seconds in enumerate(list_pauses(), start=1):  # pragma: no branch - without end
            for endpoint in endpoints:
                self._observe(endpoint)
            is_pending = any(
                self._may_still_come(each, number) for each in self.observations.values()
            )
            if not is_pending or monotonic() + seconds > self._deadline:
                break
            self._pause(seconds)
        return self._raise_or_build_cause(allowed)

    def _observe(self, endpoint: Endpoint) -> None:
        """Observes each address that does not show it yet; the name may have new addresses."""
        earlier = {a: each for a, each in self.observations.items() if each.endpoint == endpoint}
        addresses = self._prober.resolve(endpoint)
        if not addresses and any(each.result.reached for each in earlier.values()):
            return  # the resolver fails for a moment: keep what is known
        for address in earlier.keys() - set(addresses):
            del self.observations[address]
        unverified = [
            a for a in addresses if a not in earlier or earlier[a].verdict is not Verdict.SHOWN
        ]
        results = (
            {a: self._prober.probe(a) for a in unverified}
            if addresses
            else self._prober.probe_all(endpoint)
        )
        for address, result in results.items():
            verdict, note = classify(
                result, address, self._change, self._ours, self._history, datetime.now(UTC)
            )
            self.observations[address] = Observation(
                endpoint=endpoint, address=address, result=result, verdict=verdict, note=note
            )

    def _may_still_come(self, last: Observation, number: int) -> bool:
        if last.verdict in (Verdict.SHOWN, Verdict.IGNORED):
            return False
        if last.verdict is not Verdict.UNREACHED:
            return True
        # If HTTPS was off, no address answered before, and each is about to.
        expected = self._change.before is None or self._is_lost(last)
        return expected or number < ATTEMPTS_IF_UNREACHED

    def _is_lost(self, observation: Observation) -> bool:
        """Whether an address that answered before the change does not answer now."""
        if observation.verdict is not Verdict.UNREACHED:
            return False
        return self._history.was_reached(observation.address) or (
            self._history.was_name_reached(observation.endpoint)
            and not self._is_reached(observation.endpoint)
        )

    def _is_reached(self, endpoint: Endpoint) -> bool:
        name = endpoint.server_name
        return any(
            each.result.reached
            for each in self.observations.values()
            if each.endpoint.server_name == name
        )

    def _raise_or_build_cause(self, allowed: float) -> Cause | None:
        def list_with(verdict: Verdict) -> list[Observation]:
            return [each for each in self.observations.values() if each.verdict is verdict]

        shown, others = list_with(Verdict.SHOWN), list_with(Verdict.OTHER)
        if others:
            raise NotServed(
                str(others[0].address),
                str(others[0].result),
                describe_binding(self._change.after),
                allowed,
                other_failures=[f"{each.address} serves {each.result}" for each in others[1:]],
                served_at=[str(each.address) for each in shown],
            )
        if broken := list_with(Verdict.INCOMPLETE_CHAIN):
            raise ChainIncomplete(str(broken[0].address), broken[0].note or "")
        if lost := [each for each in self.observations.values() if self._is_lost(each)]:
            raise NoLongerReachable(str(lost[0].address), lost[0].result.error or "no answer")
        return None if shown else build_unverified_cause(list(self.observations.values()))


class UnverifiedCode(StrEnum):
    """Why no handshake could verify a change; the values lie in storage: never change one."""

    UNREACHABLE = "Unreachable"
    NAME_UNRESOLVED = "NameUnresolved"
    NO_KNOWN_NAME = "NoKnownName"
    ONLY_DEFAULT_CERTIFICATE = "OnlyDefaultCertificate"


def build_unverified_cause(observations: Sequence[Observation]) -> Cause:
    """The cause of a change that the service reports as done, and that cannot be verified."""
    unreached = [each for each in observations if each.verdict is Verdict.UNREACHED]
    if not observations:
        code, reason = UnverifiedCode.NO_KNOWN_NAME, "no name of the resource is known"
    elif not unreached:
        code = UnverifiedCode.ONLY_DEFAULT_CERTIFICATE
        reason = "the addresses were observed without a server name only, which shows nothing here"
    elif not any(each.result.resolved for each in unreached):
        code, reason = UnverifiedCode.NAME_UNRESOLVED, "no name of the resource has an address"
    else:
        code, reason = UnverifiedCode.UNREACHABLE, "no address can be reached from here"
    examples = (unreached or observations)[:3]
    details = "; ".join(f"{each.address}: {each.problem}" for each in examples)
    return Cause(
        code=code,
        message=f"the service reports the change as done, but {reason}"
        f"{f' ({details})' if details else ''}",
        advice="Run `certroll task verify` where an address can be reached, or set a "
        "--probe-address of the account that can be, and run `certroll task retry`.",
        unverified=True,
    )


def list_pauses() -> Iterator[float]:
    """Seconds between observations, without end: 0.1, then 1.5 times the last, at most 5."""
    seconds = 0.1
    while True:
        yield seconds
        seconds = min(seconds * 1.5, MAX_PAUSE_SECONDS)
