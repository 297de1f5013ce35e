"""`certroll expiry watch`: tells now what expires, and prints what was told to whom."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.shared import Json, opened
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from activities.expiry_watch import Watching
    from domain.notifications.expiry_watch import ToldContact


def watch(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell nobody: print what would be told.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tells contacts what is served, ends soon, and is replaced by no task in time.

    Also what has drifted, and which contacts could not be told. A schedule does the same every day
    (CERTROLL_EXPIRY_WATCH); whatever a contact was told, by either, it is not told again until the
    expiry comes nearer: with the last third of the certificate's life (at most 30 days), 7 days
    before, 2 days before, and once it has ended. All of it goes by the last sync of the inventory.

    Ends with exit code 3 if a contact could not be told.
    """
    from activities.expiry_watch import Watching

    now = datetime.now(UTC)
    with opened() as (store, settings):
        watching = Watching(store, settings)
        if dry_run:
            _show_news(watching, now, as_json=as_json)
            return
        told = asyncio.run(_tell_all(watching, now))
    if as_json:
        show_json(told)
    else:
        _show(told)
    if any(each.error for each in told):
        raise Problem(Code.CLOUD)


async def _tell_all(watching: "Watching", now: datetime) -> list["ToldContact"]:
    return list(await asyncio.gather(*(_tell(watching, each, now) for each in watching.watchers())))


async def _tell(watching: "Watching", contact: str, now: datetime) -> "ToldContact":
    from domain.cause import Cause
    from domain.errors import CertrollError
    from domain.notifications.expiry_watch import ToldContact

    try:
        return await watching.tell(contact, now)
    except CertrollError as error:
        return ToldContact(contact=contact, error=Cause.from_error(error))


def _show(told: list["ToldContact"]) -> None:
    rows = [(each.contact, _told(each), str(each.error or "")) for each in told]
    empty = "No contact takes expiring, drifted or needs_operator: certroll contact add"
    show_table(("CONTACT", "TOLD", "ERROR"), rows, empty=empty)


def _told(each: "ToldContact") -> str:
    told = ", ".join(f"{count} {kind}" for kind, count in each.told.items())
    return told or ("nothing" if each.error else "nothing new")


def _show_news(watching: "Watching", now: datetime, *, as_json: bool) -> None:
    found = list(_news(watching, now))
    if as_json:
        show_json(found)
        return
    for each in found:
        say(f"to {each['contact']}: {each['message'].subject}\n{each['message'].body}")
    note("Nobody was told." if found else "There is nothing new to tell.")


def _news(watching: "Watching", now: datetime) -> Iterator[dict[str, Any]]:
    for contact in watching.watchers():
        for each in watching.news(contact, now):
            yield {"contact": contact, "message": each.message}
