"""The renewal of a certificate: handing its resources over from its predecessors to it.

The request functions build it; upload, import and renewal commands show it.
"""

from domain.certificates.renewal import RenewalMode
from domain.model import Value
from domain.plans.refusal import Refusal
from domain.plans.saved import SavedPlan
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus

STOPPED_BY_PERSON = frozenset(
    {
        TaskStatus.CANCELLED,
        TaskStatus.ROLLING_BACK,
        TaskStatus.ROLLED_BACK,
        TaskStatus.PARTIALLY_ROLLED_BACK,
    }
)
"""A task that a person cancelled or rolled back; an automatic renewal never starts it again."""


class RenewalResult(Value):
    """What a renewal would change, has planned, or has started.

    `predecessors` are fingerprints, the nearest first. `names_lost` are the names that some
    predecessor covers and the successor does not. `resources_served` counts the resources that
    serve a predecessor as of the last sync. Not every listing tells that, so `changes`, of the plan
    or the task, may be more. `is_new` is true if plan or task were made just now, `no_worker` if no
    worker is running to take the task. `reason` says why nothing more was done,
    `reason_code` for programs ("has-successor").
    """

    mode: RenewalMode
    predecessors: tuple[str, ...] = ()
    names_lost: tuple[str, ...] = ()
    resources_served: int = 0
    changes: int = 0
    refusals: tuple[Refusal, ...] = ()
    plan: SavedPlan | None = None
    task: TaskRecord | None = None
    is_new: bool = False
    no_worker: bool = False
    reason: str | None = None
    reason_code: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to plan: there is a reason, or the policy leaves it to people."""
        return self.reason is not None or self.mode is RenewalMode.MANUAL

    @property
    def needs_operator(self) -> bool:
        """Whether an automatic renewal left something to a person."""
        unfinished = self.task.status in STOPPED_BY_PERSON if self.task else bool(self.names_lost)
        return self.mode is RenewalMode.AUTOMATIC and (unfinished or bool(self.refusals))

    def with_reason(self, code: str, reason: str) -> "RenewalResult":
        return self.model_copy(update={"reason": reason, "reason_code": code})
