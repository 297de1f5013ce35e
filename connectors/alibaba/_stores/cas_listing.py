"""Caches the listing of a certificate store, for all connectors of an account.

`cas` and `stored` call it.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from connectors.alibaba._api.account import AlibabaSettings

FRESH_SECONDS = 60.0
FRESH_FOR_LONG = 5
"""A listing stays fresh for at least this many times as long as it took, else all wait for it."""

Row = dict[str, Any]


class Listing:
    """The rows of one store, up to a minute old, or older for a very large store. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._fresh_until = self._affordable_at = 0.0

    def get_rows(self, list_rows: Callable[[], Iterable[Row]]) -> list[Row]:
        """The rows of `list_rows`, which is called only if the cached ones are no longer fresh."""
        with self._lock:
            began = time.monotonic()
            if began >= self._fresh_until:
                self._rows = list(list_rows())
                now = time.monotonic()
                self._affordable_at = now + FRESH_FOR_LONG * (now - began)
                self._fresh_until = max(now + FRESH_SECONDS, self._affordable_at)
            return list(self._rows)

    def add(self, row: Row) -> None:
        """Adds a row that was put into the store since."""
        with self._lock:
            self._rows.insert(0, row)

    def expire_early(self) -> None:
        """Lists anew as soon as that is affordable: the store may have got a certificate."""
        with self._lock:
            self._fresh_until = min(self._fresh_until, self._affordable_at)

    def invalidate(self) -> None:
        """Lists anew the next time: a certificate was removed."""
        with self._lock:
            self._fresh_until = 0.0


_LISTINGS: dict[tuple[str, str, str | None], Listing] = {}


def get_listing(settings: AlibabaSettings) -> Listing:
    """The listing of this account's store, which all its connectors share."""
    key = str(settings.site), settings.access_key_id, settings.endpoint
    return _LISTINGS.setdefault(key, Listing())
