"""How long a plan takes, from what its services allow: calls per second, and locks. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from domain.model import Value
from domain.plans.plan import Change

CONCURRENCY = 100


class Effort(Value):
    """What one change of a service costs: calls out of a budget, which it may share with another.

    `seconds` is how long the service may need at most until a change is served.
    """

    budget: str
    calls: float
    calls_per_second: float
    seconds: float

    @property
    def share(self) -> float:
        """Seconds of its budget that one change takes."""
        return self.calls / self.calls_per_second


class Estimate(Value):
    """Seconds by the rate budgets alone, and if each change takes as long as its service may."""

    seconds: float
    at_most: float


def estimate(
    changes: Iterable[Change],
    efforts: Mapping[tuple[str, str], Effort],
    concurrency: int = CONCURRENCY,
) -> Estimate:
    """For changes side by side, those of one lock one after the other.

    `efforts` are by account and service; so many changes are under way at once.
    """
    budgets: defaultdict[str, float] = defaultdict(float)
    locks: defaultdict[str, float] = defaultdict(float)
    waiting: defaultdict[str, float] = defaultdict(float)
    in_all = longest = 0.0
    for change in changes:
        effort = efforts[change.resource.account, change.resource.service]
        budgets[effort.budget] += effort.share
        in_all += effort.share + effort.seconds
        longest = max(longest, effort.share + effort.seconds)
        if change.lock:
            locks[change.lock] += effort.share
            waiting[change.lock] += effort.share + effort.seconds
    least = max([*budgets.values(), *locks.values()], default=0.0)
    most = max([least, longest, *waiting.values(), in_all / concurrency], default=0.0)
    return Estimate(seconds=least, at_most=max(most, least + longest))


def duration(seconds: float) -> str:
    """As a person reads it: "40 s", "12 min", "3 h 5 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
