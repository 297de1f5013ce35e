"""A plan as storage keeps it."""

from datetime import datetime
from typing import Literal

from domain.model import Value
from domain.plans.request import PlanRequest

Origin = Literal["created", "imported", "proposed"]


class SavedPlan(Value):
    """A plan that is kept, without its changes; `changes` says how many there are.

    `wish` is what it was made from, None where that is not known: it came from a file.
    """

    id: str
    name: str
    digest: str
    origin: Origin
    plan_request: PlanRequest | None = None
    created_at: datetime
    created_by: str
    changes: int
