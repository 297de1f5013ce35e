"""The base class of every value: frozen, strict about unknown fields."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A value that never changes; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
