"""Reads the tags of a resource from a listing. The connectors call it."""

from collections.abc import Iterable, Mapping
from typing import Any


def to_tags(
    rows: Iterable[Mapping[str, Any]] | None, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """Values by key; a tag without a value has an empty one. `key` and `value` name the fields."""
    return {str(row[key]): str(row.get(value) or "") for row in rows or () if row.get(key)}
