"""How a task goes ahead: in which waves, how many failures it bears, what happens then. Pure."""

from enum import StrEnum
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


class Rollout(Value):
    """The policy of one task.

    The first wave is the canary: `canary_resources` (ids) or, with `canary`, so many of all
    changes, or of those of each service with `canary_per_service`. `waves` follow, each of all
    changes; the last wave is what is left. Without any of these all is one wave.

    After each wave but the last the task waits `bake_seconds`, looks again at what it deployed,
    and with `gate` waits for the word `proceed` of a person. `budget` is how many failures the task
    bears, None any number; those of the canary bear none unless `canary_budget` says so.
    `take_back_failed`: what was changed and could not be verified is taken back at once.
    `accept_unverified`: what nobody here can reach counts as success.
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

    @property
    def has_canary(self) -> bool:
        """Whether its first wave is one to learn from."""
        return self.canary is not None or bool(self.canary_resources)
