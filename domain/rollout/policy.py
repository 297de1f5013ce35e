"""How a task goes ahead: in which waves, how many failures it bears, what happens then. Pure.

Which change belongs to which wave is said in domain/assigning.py.
"""

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from math import ceil
from typing import Self

from pydantic import Field, model_validator

from domain.model import Value


class OnBreach(StrEnum):
    """What becomes of what is deployed once more changes have failed than the policy bears."""

    STOP = "stop"
    ROLL_BACK_WAVE = "roll_back_wave"
    ROLL_BACK_ALL = "roll_back_all"


class Size(Value):
    """So many changes, or such a share of them in percent; exactly one of the two."""

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

    def at_least(self, total: int) -> int:
        """So many of `total`; a share is rounded up, so that of few there is still one."""
        return ceil(self._of(total))

    def at_most(self, total: int) -> int:
        """The same with a share rounded down, so that it is never exceeded."""
        return int(self._of(total))

    def _of(self, total: int) -> Fraction:
        # Exactly: as floats 29 percent of 100 are less than 29.
        if self.percent is not None:
            return Fraction(str(self.percent)) * total / 100
        return Fraction(self.count or 0)


class Rollout(Value):
    """The policy of one task.

    The first wave is the canary: `canary_resources` (ids) or, with `canary`, so many of all
    changes, or of those of each service with `canary_per_service`. `waves` follow, each of all
    changes; the last wave is what is left. Without any of these all is one wave.

    After each wave but the last the task waits `bake_seconds`, looks again at what it deployed,
    and with `gate` waits for the word `proceed` of a person. `budget` is how many failures the task
    bears after its canary, a share is one of the changes after it; None is any number. The canary
    bears `canary_budget` of its own.
    `take_back_failed`: what was changed and could not be verified is taken back at once.
    `accept_unverified`: what nobody here can reach counts as success.
    What fails for reasons that may pass is tried again for `keep_trying_seconds` at most.
    """

    canary: Size | None = None
    canary_per_service: bool = False
    canary_resources: tuple[str, ...] = ()
    waves: tuple[Size, ...] = ()
    bake_seconds: int = Field(default=0, ge=0)
    gate: bool = False
    budget: Size | None = None
    canary_budget: int = Field(default=0, ge=0)
    on_breach: OnBreach = OnBreach.ROLL_BACK_WAVE
    take_back_failed: bool = True
    accept_unverified: bool = False
    keep_trying_seconds: int = Field(default=86_400, ge=0)

    @property
    def has_canary(self) -> bool:
        """Whether its first wave is one to learn from."""
        return self.canary is not None or bool(self.canary_resources)


def allowed(rollout: Rollout, wave: int, total: int) -> int | None:
    """How many failures are borne until the end of this wave; one more is a breach. None: any.

    In the canary (wave 0 of a rollout that has one) those of the canary. After it those of all
    later waves together, where `total` is how many changes these have together; without a canary
    all waves are meant. `after_canary` counts them.
    """
    if rollout.has_canary and wave == 0:
        return rollout.canary_budget
    return None if rollout.budget is None else rollout.budget.at_most(total)


def after_canary(rollout: Rollout, sizes: Sequence[int]) -> int:
    """How many changes the budget is of, out of how many each wave has: those after the canary."""
    return sum(sizes[1:] if rollout.has_canary else sizes)
