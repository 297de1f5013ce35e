"""Shows a running sync: a live bar, or a line in a log when a service is retried.

Called by `inventory sync` and before a plan is built.
"""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from starter.cli.terminal.output import note, show_progress

if TYPE_CHECKING:
    from domain.resources.inventory_sync import ServiceSyncRecord, ServiceSyncResult
    from starter.requests.syncs import RunningSync
    from storage.store import Store

SyncKey = tuple[str, str]
"""Account and service."""


async def wait_until_synced(
    store: "Store", running: Sequence["RunningSync"], *, quiet: bool
) -> list["ServiceSyncResult"]:
    """Waits for all syncs and returns their results. Ctrl-C ends only the waiting."""
    from starter.requests.syncs import read_results, watch

    records_by_key: dict[SyncKey, ServiceSyncRecord] = {}
    notes = _RetryNotes()
    try:
        with show_progress("resources", quiet=quiet) as meter:

            async def one(sync: "RunningSync") -> list["ServiceSyncResult"]:
                async for records in watch(store, sync):
                    records_by_key.update({(each.account, each.service): each for each in records})
                    meter(*summarize_progress(records_by_key.values()))
                    if not quiet:
                        notes.note_new(records)
                return await read_results(store, sync)

            found = await asyncio.gather(*(one(each) for each in running))
    except asyncio.CancelledError:
        note("The sync continues. See its state: certroll inventory status")
        raise
    return [each for some in found for each in some]


class _RetryNotes:
    """Notes once for each service why it is retried, where no live bar shows that."""

    def __init__(self) -> None:
        self._noted: set[SyncKey] = set()

    def note_new(self, records: Iterable["ServiceSyncRecord"]) -> None:
        """Prints one line to standard error for each new error."""
        for each in records:
            key = (each.account, each.service)
            if each.ended_at is None and each.error and key not in self._noted:
                self._noted.add(key)
                if not sys.stderr.isatty():
                    note(f"{each.service} of {each.account} is retried: {each.error}")


def summarize_progress(
    records_by_key: Iterable["ServiceSyncRecord"],
) -> tuple[int, int | None, str]:
    """Returns how many resources were read, of how many (None if unknown), and what is running."""
    records = list(records_by_key)
    seen = sum(each.seen for each in records)
    open_ones = [each for each in records if each.ended_at is None]
    known = all(each.total is not None for each in open_ones) and open_ones
    left = sum(max(0, (each.total or 0) - each.seen) for each in open_ones)
    return seen, seen + left if known else None, ", ".join(map(_format_progress, open_ones))


def _format_progress(record: "ServiceSyncRecord") -> str:
    again = "" if record.error is None else f" ({record.error.code}, retrying)"
    if record.to_read is not None:
        return f"{record.service} read {record.were_read:,}/{record.to_read:,} bindings{again}"
    of = "" if record.total is None else f"/{record.total:,}"
    return f"{record.service} {record.seen:,}{of}{again}"


def sync_if_outdated(
    store: "Store", accounts: Sequence[str], services: Sequence[str], *, quiet: bool
) -> None:
    """Syncs the inventory if it is too old for planning; prints a note where that is impossible."""
    from starter.requests.freshness import sync_if_older
    from storage.settings import Settings

    settings = Settings()
    limit = settings.inventory_age
    with show_progress("resources", quiet=quiet) as meter:

        def show(records: Sequence["ServiceSyncRecord"]) -> None:
            meter(*summarize_progress(records))

        asyncio.run(sync_if_older(store, settings, accounts, services, limit, note, show))
