"""What a task does with its present wave, and whether the wave exceeds its failure budget.

The deployment workflow moves from stage to stage; storage counts the failures.
"""

from enum import StrEnum

from pydantic import Field

from domain.model import Value
from domain.rollout.policy import RolloutPolicy


class Stage(StrEnum):
    """The stages of a wave in their order; BUDGET_EXCEEDED and DONE may come early.

    ROLL_BACK_FAILED and ROLL_BACK_FAILED_AGAIN roll back what was changed and could not be
    verified: the first after the changes, the second after the verification that follows the bake
    time. The values are public: the query `progress` answers with them.
    """

    CHANGES = "changes"
    ROLL_BACK_FAILED = "failed_back"
    BAKE = "bake"
    REVERIFY = "look"
    ROLL_BACK_FAILED_AGAIN = "failed_back_again"
    GATE = "gate"
    BUDGET_EXCEEDED = "budget_exceeded"
    DONE = "done"


class WaveFacts(Value):
    """The counters of a wave, as storage has them.

    `changes` belong to this wave and the present round of retries. `failed` and `total` count the
    changes under the same failure budget, maybe of several waves; `allowed` is that budget, None
    for any number.
    """

    changes: int
    failed: int
    total: int
    allowed: int | None

    @property
    def is_over_budget(self) -> bool:
        return self.allowed is not None and self.failed > self.allowed

    def with_more_failures(self, failures: int) -> "WaveFacts":
        return self.model_copy(update={"failed": self.failed + failures})


class BudgetExceeded(Value):
    """More changes failed than the rollout policy allows; `wave` counts from 0."""

    wave: int = Field(ge=0)
    wave_name: str
    failed: int
    total: int
    allowed: int

    def __str__(self) -> str:
        failures = f"{self.failed} of {self.total} changes failed in {self.wave_name}"
        return f"{failures}, {self.allowed or 'none'} allowed"


def format_wave_name(rollout: RolloutPolicy, wave: int, waves: int) -> str:
    """Name a wave for a person: "wave 2 of 5", "the canary (wave 1 of 5)", or "its only wave"."""
    if waves == 1:
        return "its only wave"
    numbered = f"wave {wave + 1} of {waves}"
    return f"the canary ({numbered})" if rollout.has_canary and wave == 0 else numbered
