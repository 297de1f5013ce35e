"""What a certificate store was seen to hold: listed once for all connectors of an account."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from connectors.alibaba._api.account import Settings

FRESH_SECONDS = 60.0
FRESH_FOR_LONG = 5
"""What took long to list stays fresh for so many times as long: else all else waits for it."""

Row = dict[str, Any]


class Listing:
    """The rows of one store, a minute old or more where there are very many. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._fresh_until = self._affordable_at = 0.0

    def rows(self, listed: Callable[[], Iterable[Row]]) -> list[Row]:
        """Those of `listed`, which is called where what is known is not fresh any more."""
        with self._lock:
            began = time.monotonic()
            if began >= self._fresh_until:
                self._rows = list(listed())
                now = time.monotonic()
                self._affordable_at = now + FRESH_FOR_LONG * (now - began)
                self._fresh_until = max(now + FRESH_SECONDS, self._affordable_at)
            return list(self._rows)

    def add(self, row: Row) -> None:
        """Something was put there since."""
        with self._lock:
            self._rows.insert(0, row)

    def doubt(self) -> None:
        """Something may have been put there: listed anew as soon as that costs no others much."""
        with self._lock:
            self._fresh_until = min(self._fresh_until, self._affordable_at)

    def forget(self) -> None:
        """Something was removed: all is listed anew the next time."""
        with self._lock:
            self._fresh_until = 0.0


_LISTINGS: dict[tuple[str, str, str | None], Listing] = {}


def listing_of(settings: Settings) -> Listing:
    """The one of this account's store; connectors of several services share it."""
    place = str(settings.site), settings.access_key_id, settings.endpoint
    return _LISTINGS.setdefault(place, Listing())
