"""Scenarios of failing calls, the same for every tool."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Rule = dict[str, Any]

# Said to have failed, never arrived, and applied though nobody hears of it: a third of them each.
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
    """Rules by which `share` of all calls go wrong, equally often in each of these ways.

    The first rule that strikes decides, so each further one only sees what those before it left.
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
