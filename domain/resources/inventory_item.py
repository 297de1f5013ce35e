"""An entry of the inventory: storage reads and writes it, planning and the CLI use it."""

from datetime import datetime

from pydantic import Field

from domain.model import Value
from domain.resources.resource import Binding, Resource


class InventoryItem(Value):
    """A resource as of the last sync; `read_at` is None if its binding was never read."""

    resource: Resource
    binding: Binding | None
    binding_known: bool
    tags: dict[str, str] = Field(default_factory=dict)
    seen_at: datetime
    read_at: datetime | None = None
    vanished_at: datetime | None = None
