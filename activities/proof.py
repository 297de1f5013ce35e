"""Proof that a change has arrived: the service says so, and then a handshake shows it."""

from collections.abc import Callable, Iterator
from time import monotonic

from activities.handshake import Endpoint, Seen
from domain.connector import Connector
from domain.errors import NotServed, Permanent
from domain.plan import Change
from domain.resource import describe

LONGEST_PAUSE = 5.0


class Proof:
    """Waits for one change. `pause` is called between looks with the seconds to wait.

    `shown` is what each endpoint showed last.
    """

    def __init__(
        self,
        change: Change,
        deadline: float,
        look: Callable[[Endpoint], Seen],
        pause: Callable[[float], None],
    ) -> None:
        self._change, self._deadline = change, deadline
        self._look, self._pause = look, pause
        self.shown: dict[Endpoint, Seen] = {}

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

    def served(self, endpoint: Endpoint) -> None:
        """Returns once the endpoint shows the state after the change; NotServed at the deadline."""
        allowed = max(self._deadline - monotonic(), 0.0)
        for seconds in pauses():  # pragma: no branch - they have no end
            seen = self.shown[endpoint] = self._look(endpoint)
            if arrived(seen, self._change):
                return
            if monotonic() + seconds > self._deadline:
                wanted = describe(self._change.after)
                raise NotServed(str(endpoint), str(seen), wanted, allowed)
            self._pause(seconds)


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


def pauses() -> Iterator[float]:
    """Seconds between looks: 0.1, then half as long again each time, at most 5; without end."""
    seconds = 0.1
    while True:
        yield seconds
        seconds = min(seconds * 1.5, LONGEST_PAUSE)
