"""Which slot serves which server certificate, region by region, as of the last minute.

To know it takes one call per listener. What has changed since is no danger: the service refuses to
remove what a listener uses.
"""

import threading
import time
from collections.abc import Callable

from connectors.alibaba._stores.cas_listing import FRESH_SECONDS
from domain.resources.resource import CertificateRef, Found

Walk = Callable[[str, str | None], tuple[list[Found], str | None]]
"""The slots of a region from a token on, and the next token."""


class Users:
    """The slots that `walk` finds, by certificate. Shared between threads."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, str]]] = {}

    def of(self, ref: CertificateRef) -> str | None:
        """The key of a slot that serves it; None if no slot does."""
        region = ref.fields["region"]
        with self._lock:
            known = self._known.get(region)
            if known is None or time.monotonic() - known[0] >= FRESH_SECONDS:
                known = self._known[region] = time.monotonic(), self._slots(region)
        return known[1].get(ref.fields["server_certificate_id"])

    def _slots(self, region: str) -> dict[str, str]:
        found: dict[str, str] = {}
        token: str | None = None
        while True:
            slots, token = self._walk(region, token)
            for slot in slots:
                ref = slot.binding.ref if slot.binding else None
                if ref is not None:
                    found.setdefault(ref.fields["server_certificate_id"], slot.resource.key)
            if token is None:
                return found
