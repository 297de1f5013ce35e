"""Proof that a change has arrived: the service says so, and then handshakes show it everywhere."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic

from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.errors import ChainIncomplete, NoLongerReachable, NotServed, Permanent
from domain.plans.plan import Change
from domain.resources.connector import Connector
from domain.resources.resource import describe
from operations.tls.handshake import Endpoint
from operations.verification.observation import Eyes, Finding, Look, Past, judge

LONGEST_PAUSE = 5.0

LOOKS_AT_THE_UNREACHABLE = 3
"""What did not answer before the change either is not waited for as long as the rest."""


class Proof:
    """Waits for one change. `pause` is called between looks with the seconds to wait.

    `ours` is our copy of the certificate after the change, `past` what was found before it.
    `looks` is what was found last, by address.
    """

    def __init__(
        self,
        change: Change,
        deadline: float,
        eyes: Eyes,
        pause: Callable[[float], None],
        *,
        ours: Certificate | None = None,
        past: Past | None = None,
    ) -> None:
        self._change, self._deadline = change, deadline
        self._eyes, self._pause = eyes, pause
        self._ours, self._past = ours, past or Past()
        self.looks: dict[Endpoint, Look] = {}

    def settled(self, connector: Connector) -> None:
        """Returns once the service reports the change as done; Permanent at the deadline."""
        resource, after = self._change.resource, self._change.after
        for seconds in pauses():  # pragma: no branch - they have no end
            if connector.settled(resource, after.ref if after else None):
                return
            if monotonic() + seconds > self._deadline:
                raise Permanent(
                    f"{resource.id} accepted the change but does not report it as done",
                    code="NotSettled",
                    advice="Look at the resource in the provider's console, then deploy again.",
                )
            self._pause(seconds)

    def served(self, endpoints: Sequence[Endpoint]) -> Cause | None:
        """Looks at every address until each shows the state after the change, or time is over.

        None: it is shown, and nothing that can be reached shows anything else. A cause: nothing
        can be reached, so nobody here knows. Raises NotServed, ChainIncomplete or
        NoLongerReachable, naming the addresses.
        """
        allowed = max(self._deadline - monotonic(), 0.0)
        for number, seconds in enumerate(pauses(), start=1):  # pragma: no branch - without end
            for endpoint in endpoints:
                self._look_at(endpoint)
            waited_for = any(self._may_still_come(each, number) for each in self.looks.values())
            if not waited_for or monotonic() + seconds > self._deadline:
                break
            self._pause(seconds)
        return self._judged(allowed)

    def _look_at(self, endpoint: Endpoint) -> None:
        """Once at each address that does not show it yet; names may move meanwhile."""
        former = {a: each for a, each in self.looks.items() if each.endpoint == endpoint}
        found = self._eyes.resolve(endpoint)
        if not found and any(each.seen.reached for each in former.values()):
            return  # a resolver that fails for a moment takes back nothing
        for address in former.keys() - set(found):
            del self.looks[address]
        open_ones = [a for a in found if a not in former or former[a].finding is not Finding.SHOWN]
        seen = {a: self._eyes.look(a) for a in open_ones} if found else self._eyes.all_of(endpoint)
        for address, shown in seen.items():
            finding, note = judge(
                shown, address, self._change, self._ours, self._past, datetime.now(UTC)
            )
            self.looks[address] = Look(
                endpoint=endpoint, address=address, seen=shown, finding=finding, note=note
            )

    def _may_still_come(self, last: Look, number: int) -> bool:
        if last.finding in (Finding.SHOWN, Finding.ASIDE):
            return False
        if last.finding is not Finding.UNREACHED:
            return True
        # Where HTTPS was off nothing answered before either, and is about to.
        expected = self._change.before is None or self._is_lost(last)
        return expected or number < LOOKS_AT_THE_UNREACHABLE

    def _is_lost(self, look: Look) -> bool:
        """Whether nothing answers now where something did before the change."""
        if look.finding is not Finding.UNREACHED:
            return False
        return self._past.reached(look.address) or (
            self._past.reached_name(look.endpoint) and not self._is_reached(look.endpoint)
        )

    def _is_reached(self, endpoint: Endpoint) -> bool:
        name = endpoint.server_name
        return any(
            each.seen.reached for each in self.looks.values() if each.endpoint.server_name == name
        )

    def _judged(self, allowed: float) -> Cause | None:
        def of(finding: Finding) -> list[Look]:
            return [each for each in self.looks.values() if each.finding is finding]

        shown, others = of(Finding.SHOWN), of(Finding.OTHER)
        if others:
            raise NotServed(
                str(others[0].address),
                str(others[0].seen),
                describe(self._change.after),
                allowed,
                also=[f"{each.address} serves {each.seen}" for each in others[1:]],
                shown=[str(each.address) for each in shown],
            )
        if broken := of(Finding.CHAIN):
            raise ChainIncomplete(str(broken[0].address), broken[0].note or "")
        if lost := [each for each in self.looks.values() if self._is_lost(each)]:
            raise NoLongerReachable(str(lost[0].address), lost[0].seen.error or "no answer")
        return None if shown else unreachable(of(Finding.UNREACHED))


def unreachable(looks: Sequence[Look]) -> Cause:
    """What is told of a change that the service reports as done and nobody here can see."""
    told = "; ".join(f"{each.address}: {each.seen.error}" for each in looks[:3])
    return Cause(
        code="Unreachable",
        message="reported as done by the service, not verified: no address of it can be reached "
        f"from here ({told or 'no name of it is known'})",
        advice="Look from where it can be reached, or give the account a --probe-address that can "
        "be, and look again: `certroll task verify`, or `certroll task retry`.",
        unverified=True,
    )


def pauses() -> Iterator[float]:
    """Seconds between looks: 0.1, then half as long again each time, at most 5; without end."""
    seconds = 0.1
    while True:
        yield seconds
        seconds = min(seconds * 1.5, LONGEST_PAUSE)
