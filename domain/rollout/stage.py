"""Where a task's wave stands, and how a budget of failures was spent. Pure."""

from enum import StrEnum

from pydantic import Field

from domain.model import Value
from domain.rollout.policy import Rollout


class Stage(StrEnum):
    """What a task is at with its present wave, in this order; `breach` and `done` may come early.

    `failed_back` and `failed_back_again` take back what was changed and could not be verified,
    after the changes and after the second look.
    """

    CHANGES = "changes"
    FAILED_BACK = "failed_back"
    BAKE = "bake"
    LOOK = "look"
    FAILED_BACK_AGAIN = "failed_back_again"
    GATE = "gate"
    BREACH = "breach"
    DONE = "done"


class WaveFacts(Value):
    """What storage knows of a wave: its `changes` that are of the present round, the budget's rest.

    `failed` of `total` changes have failed, of which `borne` are (None: any number).
    """

    changes: int
    failed: int
    total: int
    borne: int | None

    @property
    def is_breach(self) -> bool:
        """Whether more have failed than the task bears."""
        return self.borne is not None and self.failed > self.borne

    def add(self, failures: int) -> "WaveFacts":
        """The same with so many failures more."""
        return self.model_copy(update={"failed": self.failed + failures})


class Breach(Value):
    """More changes failed than the task bears; `where` names the wave."""

    wave: int = Field(ge=0)
    where: str
    failed: int
    total: int
    borne: int

    def __str__(self) -> str:
        were = f"{self.failed} of {self.total} changes failed in {self.where}"
        return f"{were}, {self.borne or 'none'} {'is' if self.borne < 2 else 'are'} borne"


def wave_name(rollout: Rollout, wave: int, waves: int) -> str:
    """As people count: "wave 2 of 5", "the canary (wave 1 of 5)"; "its only wave" where it is."""
    if waves == 1:
        return "its only wave"
    numbered = f"wave {wave + 1} of {waves}"
    return f"the canary ({numbered})" if rollout.has_canary and wave == 0 else numbered
