"""What came of handing a successor over to the resources that serve its predecessor."""

from domain.certificates.renewal import Mode
from domain.model import Value
from domain.plans.plan import Refusal
from domain.plans.saved import SavedPlan
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus

STOPPED = frozenset(
    {
        TaskStatus.CANCELLED,
        TaskStatus.ROLLING_BACK,
        TaskStatus.ROLLED_BACK,
        TaskStatus.PARTIALLY_ROLLED_BACK,
    }
)
"""What a person has stopped or taken back is not begun again by a client that calls once more."""


class Handover(Value):
    """`predecessors` are fingerprints, the nearest first; `lost` are names.

    `served` counts the resources of which the last sync tells that they serve one of them; not
    all listings tell, so a plan, which reads them, may find more: `changes` are those of the plan
    or the task. `is_new` tells that plan or task were made now, `unattended` that no worker takes
    work, `reason` why nothing more was done.
    """

    mode: Mode
    predecessors: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    served: int = 0
    changes: int = 0
    refusals: tuple[Refusal, ...] = ()
    plan: SavedPlan | None = None
    task: TaskRecord | None = None
    is_new: bool = False
    unattended: bool = False
    reason: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether there is nothing that could be planned: by its policy, or at all."""
        return self.reason is not None or self.mode is Mode.MANUAL

    @property
    def needs_someone(self) -> bool:
        """Whether an automatic renewal left something to a person."""
        stopped = self.task.status in STOPPED if self.task else bool(self.lost)
        return self.mode is Mode.AUTOMATIC and (stopped or bool(self.refusals))

    def because(self, reason: str | None) -> "Handover":
        """The same, with why nothing more was done."""
        return self.model_copy(update={"reason": reason})
