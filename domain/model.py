"""The base of every value in the house: frozen, strict about unknown fields."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A value that never changes; an unknown field is an error, not a silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")
