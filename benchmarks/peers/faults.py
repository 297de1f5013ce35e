"""Scenarios of failing calls, the same for every tool."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Rule = dict[str, Any]

# Reported as failed; never arrived; applied but the answer is lost: a third each.
FAILURES: tuple[Rule, ...] = ({"kind": "5xx"}, {"kind": "reset"}, {"kind": "lost"})
PAGES: tuple[Rule, ...] = ({"kind": "5xx", "html": True},)


class Scenario(NamedTuple):
    """A number of domains, the share of calls that fail, and how they fail."""

    name: str
    domains: int
    share: float = 0.0
    kinds: tuple[Rule, ...] = FAILURES

    @property
    def rules(self) -> list[Rule]:
        """The fault rules for the practice cloud."""
        return build_rules(self.share, self.kinds) if self.share else []


def build_rules(share: float, kinds: Sequence[Rule]) -> list[Rule]:
    """Rules that let `share` of all calls fail, equally often by each kind.

    The first rule that matches decides, so each rule sees only calls that no earlier one matched.
    """
    each = share / len(kinds)
    return [{**kind, "share": each / (1 - each * at)} for at, kind in enumerate(kinds)]


def build_scenarios(domains: int) -> tuple[Scenario, ...]:
    """All scenarios, in the order of the table."""
    return (
        Scenario("one domain, no faults", 1),
        Scenario("no faults", domains),
        Scenario("10 % of calls fail", domains, 0.1),
        Scenario("30 % of calls fail", domains, 0.3),
        Scenario("10 % of calls answered by a page", domains, 0.1, PAGES),
    )
