"""What someone asks of a deployment task. Callers build it; starter/requests makes the task."""

from datetime import datetime

from pydantic import Field

from domain.model import Value
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.preflight.checks import CheckPolicy
from domain.rollout.policy import RolloutPolicy

DEFAULT_ROLLBACK_DAYS = 30


class TaskSpec(Value):
    """A task as it is asked for.

    `plan_request` is what the plan was made from, `plan_id` the saved plan that it is. Without a
    `rollout` the task gets the default policy for its number of changes. `checks` are the task's
    own policies for preflight checks, by the number of the check. `ignore_windows` is the reason
    why the task heeds neither maintenance windows nor freezes, None if it heeds them.
    """

    name: str
    plan: Plan
    plan_request: PlanRequest | None = None
    plan_id: str | None = None
    contacts: tuple[str, ...] = ()
    at: datetime
    created_by: str
    rollback_days: int = DEFAULT_ROLLBACK_DAYS
    concurrency: int = 100
    rollout: RolloutPolicy | None = None
    require_coverage: bool = False
    checks: dict[str, CheckPolicy] = Field(default_factory=dict)
    ignore_windows: str | None = None
