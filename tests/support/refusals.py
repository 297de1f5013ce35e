"""Checks for `pytest.raises(..., check=...)`: they compare codes and data, not sentences."""

from collections.abc import Callable
from typing import Any


def has_code(code: str, *data: str, where: str | None = None) -> Callable[[Any], bool]:
    """Accepts errors with this code whose text contains all `data`: names, ids, numbers."""

    def check(error: Any) -> bool:
        place = where is None or error.where == where
        return error.code == code and place and all(each in str(error) for each in data)

    return check
