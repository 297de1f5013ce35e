"""The tags of a resource, where a listing tells them."""

from collections.abc import Iterable, Mapping
from typing import Any


def tags(
    rows: Iterable[Mapping[str, Any]] | None, key: str = "Key", value: str = "Value"
) -> dict[str, str]:
    """By key; a tag without a value has an empty one. `key` and `value` are the fields' names."""
    return {str(row[key]): str(row.get(value) or "") for row in rows or () if row.get(key)}
