"""A sync as it goes on: a live bar for people, a line for logs where a walk stands still."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from starter.cli.terminal.output import metering, note

if TYPE_CHECKING:
    from domain.resources.inventory_sync import Synced, WalkRecord
    from starter.requests.syncs import Running
    from storage.store import Store

Place = tuple[str, str]
"""Account and service."""


async def until_walked(
    store: "Store", running: Sequence["Running"], *, quiet: bool
) -> list["Synced"]:
    """What all these syncs found, shown live until then. Ctrl-C ends only the waiting."""
    from starter.requests.syncs import results, watch

    walked: dict[Place, WalkRecord] = {}
    standing = _Standing()
    try:
        with metering("resources", quiet=quiet) as meter:

            async def one(sync: "Running") -> list["Synced"]:
                async for records in watch(store, sync):
                    walked.update({(each.account, each.service): each for each in records})
                    meter(*counted(walked.values()))
                    if not quiet:
                        standing.tell(records)
                return await results(store, sync)

            found = await asyncio.gather(*(one(each) for each in running))
    except asyncio.CancelledError:
        note("The sync goes on by itself: certroll inventory status")
        raise
    return [each for some in found for each in some]


class _Standing:
    """Says once of each walk why it stands still, where no live bar says it."""

    def __init__(self) -> None:
        self._told: set[Place] = set()

    def tell(self, records: Iterable["WalkRecord"]) -> None:
        """On standard error, a line each."""
        for each in records:
            place = (each.account, each.service)
            if each.ended_at is None and each.error and place not in self._told:
                self._told.add(place)
                if not sys.stderr.isatty():
                    note(f"{each.service} of {each.account} is tried again: {each.error}")


def counted(walked: Iterable["WalkRecord"]) -> tuple[int, int | None, str]:
    """How many were counted, of how many where that is told, and what is under way."""
    records = list(walked)
    seen = sum(each.seen for each in records)
    open_ones = [each for each in records if each.ended_at is None]
    known = all(each.total is not None for each in open_ones) and open_ones
    left = sum(max(0, (each.total or 0) - each.seen) for each in open_ones)
    return seen, seen + left if known else None, ", ".join(map(_under_way, open_ones))


def _under_way(record: "WalkRecord") -> str:
    again = "" if record.error is None else f" ({record.error.code}, tries again)"
    if record.to_read is not None:
        return f"{record.service} read {record.were_read:,}/{record.to_read:,} bindings{again}"
    of = "" if record.total is None else f"/{record.total:,}"
    return f"{record.service} {record.seen:,}{of}{again}"


def freshen(
    store: "Store", accounts: Sequence[str], services: Sequence[str], *, quiet: bool
) -> None:
    """Syncs what is too old to plan with; what cannot be synced is told."""
    from starter.requests.freshness import refresh_if_older
    from storage.settings import Settings

    settings = Settings()
    limit = settings.inventory_age
    with metering("resources", quiet=quiet) as meter:

        def show(records: Sequence["WalkRecord"]) -> None:
            meter(*counted(records))

        asyncio.run(refresh_if_older(store, settings, accounts, services, limit, note, show))
