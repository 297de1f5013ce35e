"""A saved plan without its changes. Storage writes it, requests and the CLI read it."""

from datetime import datetime
from typing import Literal

from domain.model import Value
from domain.plans.request import PlanRequest

Origin = Literal["created", "imported", "proposed"]


class SavedPlan(Value):
    """`changes` is the number of changes.

    `plan_request` is None for a plan from a file that does not state one.
    """

    id: str
    name: str
    digest: str
    origin: Origin
    plan_request: PlanRequest | None = None
    created_at: datetime
    created_by: str
    changes: int
