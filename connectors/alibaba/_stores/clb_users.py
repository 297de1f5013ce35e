"""Finds the slot that serves a server certificate, by region, up to a minute old.

The CLB connector calls it before a removal. A fresh answer takes one call per listener. An old
answer does no harm: the service refuses to remove what a listener uses.
"""

import threading
import time
from collections.abc import Callable

from connectors.alibaba._stores.cas_listing import FRESH_SECONDS
from domain.resources.resource import CertificateRef, DiscoveredResource

ListSlots = Callable[[str, str | None], tuple[list[DiscoveredResource], str | None]]
"""The slots of a region from a token on, and the next token."""


class SlotUsers:
    """The slots that `list_slots` finds, by certificate. Shared between threads."""

    def __init__(self, list_slots: ListSlots) -> None:
        self._list_slots = list_slots
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, dict[str, str]]] = {}

    def find_slot(self, ref: CertificateRef) -> str | None:
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
            slots, token = self._list_slots(region, token)
            for slot in slots:
                ref = slot.binding.ref if slot.binding else None
                if ref is not None:
                    found.setdefault(ref.fields["server_certificate_id"], slot.resource.key)
            if token is None:
                return found
