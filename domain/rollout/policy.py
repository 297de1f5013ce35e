"""The rollout policy of a task: waves, failure budget, and what happens beyond the budget.

domain/rollout/assignment.py says which change belongs to which wave.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Self

from pydantic import Field, model_validator

from domain.errors import BadInput
from domain.model import Value

_SIZE = re.compile(r"([0-9]{1,6})|([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%")


class OnBudgetExceeded(StrEnum):
    """What happens to deployed changes once more changes have failed than the policy allows."""

    STOP = "stop"
    ROLL_BACK_WAVE = "roll_back_wave"
    ROLL_BACK_ALL = "roll_back_all"


class Size(Value):
    """A number of changes, or a percentage of them; exactly one of the two is set."""

    count: int | None = Field(default=None, ge=0)
    percent: float | None = Field(default=None, ge=0, le=100)

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.count is None) == (self.percent is None):
            raise ValueError("a size is a count or a percentage, and only one of them")
        return self

    def __str__(self) -> str:
        """As an option says it: "5" or "10%"."""
        return f"{self.percent:g}%" if self.count is None else str(self.count)

    def round_up(self, total: int) -> int:
        """The number of changes out of `total`, rounded up: a share of a few is at least one."""
        return ceil(self._share_of(total))

    def round_down(self, total: int) -> int:
        """The number of changes out of `total`, rounded down: a share is never exceeded."""
        return int(self._share_of(total))

    def _share_of(self, total: int) -> Fraction:
        # As floats, 29 percent of 100 are less than 29.
        if self.percent is not None:
            return Fraction(str(self.percent)) * total / 100
        return Fraction(self.count or 0)


class RolloutPolicy(Value):
    """How one task proceeds.

    The first wave is the canary. `canary_resources` (ids) name it; or `canary` gives its size, of
    all changes, or of the changes of each service if `canary_per_service` is set. `waves` are the
    sizes of the next waves, each a share of all changes; the last wave is the rest. Without any of
    these fields, all changes are one wave.

    After each wave but the last, the task waits `bake_seconds`, verifies again what it deployed,
    and, if `gate` is set, waits for a person to send `proceed`.

    `budget` is how many failures are allowed after the canary; a percentage is a share of the
    changes after the canary; None allows any number. `canary_budget` is how many the canary allows.
    With `roll_back_failed`, a change that was made but could not be verified is rolled back at
    once. With `accept_unverified`, a change that nothing here can verify counts as a success.
    A change that fails for a transient reason is retried for `keep_trying_seconds`.
    """

    canary: Size | None = None
    canary_per_service: bool = False
    canary_resources: tuple[str, ...] = ()
    waves: tuple[Size, ...] = ()
    bake_seconds: int = Field(default=0, ge=0)
    gate: bool = False
    budget: Size | None = None
    canary_budget: int = Field(default=0, ge=0)
    on_budget_exceeded: OnBudgetExceeded = OnBudgetExceeded.ROLL_BACK_WAVE
    roll_back_failed: bool = True
    accept_unverified: bool = False
    keep_trying_seconds: int = Field(default=86_400, ge=0)

    @property
    def has_canary(self) -> bool:
        return self.canary is not None or bool(self.canary_resources)


def parse_size(text: str, where: str) -> Size:
    """Parse "5" or "10%"; BadInput for everything else."""
    size = try_parse_size(text)
    if size is None:
        raise BadInput(
            f"{text[:60]!r} is neither a number nor a percentage",
            where=where,
            fix='Write it as "5" or "10%".',
            code="invalid-size",
        )
    return size


def try_parse_size(text: str) -> Size | None:
    """Parse "5" or "10%"; None for everything else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[2] or 0) > 100:
        return None
    return Size(count=int(found[1])) if found[1] else Size(percent=float(found[2]))


def count_allowed_failures(rollout: RolloutPolicy, wave: int, total: int) -> int | None:
    """How many failures are allowed until the end of this wave; None allows any number.

    The canary (wave 0, if the policy has a canary) has a budget of its own. All other waves share
    one, of which `total` is the number of changes: see `count_budgeted_changes`.
    """
    if rollout.has_canary and wave == 0:
        return rollout.canary_budget
    return None if rollout.budget is None else rollout.budget.round_down(total)


def count_budgeted_changes(rollout: RolloutPolicy, sizes: Sequence[int]) -> int:
    """How many changes the shared budget covers, given the size of each wave: not the canary."""
    return sum(sizes[1:] if rollout.has_canary else sizes)
