"""Estimates how long a plan takes from rate limits, locks and propagation times. Pure.

Called by operations.planning; the CLI shows it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from domain.model import Value
from domain.plans.plan import Change

CONCURRENCY = 100


class Effort(Value):
    """The calls of one change at a service, and the rate budget that they come from.

    Two services may share a budget. `seconds` is the longest propagation time of a change.
    """

    budget: str
    calls: float
    calls_per_second: float
    seconds: float

    @property
    def share(self) -> float:
        """Seconds of the rate budget that one change uses."""
        return self.calls / self.calls_per_second


class Estimate(Value):
    """Seconds by rate limits alone, and at most, with the longest propagation times."""

    seconds: float
    at_most: float


def estimate_duration(
    changes: Iterable[Change],
    efforts: Mapping[tuple[str, str], Effort],
    concurrency: int = CONCURRENCY,
) -> Estimate:
    """Estimates for `concurrency` changes at a time, those with one lock one after the other.

    `efforts` has the key (account, service).
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


def format_duration(seconds: float) -> str:
    """Formats seconds: "40 s", "12 min", "3 h 5 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
