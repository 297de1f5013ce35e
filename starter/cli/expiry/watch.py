"""`certroll expiry watch`: notifies contacts of expiry and drift now, and shows who got what."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.shared import Json, open_store
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.notifications.expiry_watch import ContactReport
    from storage.settings import Settings
    from storage.store import Store


def watch(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: print what would be sent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Notifies contacts of served certificates that expire soon, and that no task replaces in time.

    It also reports drift, and contacts that could not be notified. A schedule does the same every
    day (CERTROLL_EXPIRY_WATCH). A contact is notified once at each stage: in the last third of the
    certificate's life (at most 30 days before expiry), 7 days before, 2 days before, and after
    expiry. The data is as of the last inventory sync.

    Exit code 3 if a contact could not be notified.
    """
    now = datetime.now(UTC)
    with open_store() as (store, settings):
        if dry_run:
            _show_news(store, now, as_json=as_json)
            return
        reports = asyncio.run(_notify_all(store, settings, now))
    if as_json:
        show_json(reports)
    else:
        _show(reports)
    if any(each.error for each in reports):
        raise CommandFailed(ExitCode.CLOUD)


async def _notify_all(store: "Store", settings: "Settings", now: datetime) -> list["ContactReport"]:
    from operations.notifications.expiry_news import list_news_contacts

    contacts = list_news_contacts(store)
    return list(await asyncio.gather(*(_notify(store, settings, each, now) for each in contacts)))


async def _notify(
    store: "Store", settings: "Settings", contact: str, now: datetime
) -> "ContactReport":
    from domain.cause import Cause
    from domain.errors import CertrollError
    from domain.notifications.expiry_watch import ContactReport
    from operations.notifications.expiry_news import send_news

    try:
        return await send_news(store, settings, contact, now)
    except CertrollError as error:
        return ContactReport(contact=contact, error=Cause.from_error(error))


def _show(reports: list["ContactReport"]) -> None:
    rows = [(each.contact, _format_sent(each), str(each.error or "")) for each in reports]
    empty = "No contact receives expiring, drifted or needs_operator: certroll contact add"
    show_table(("CONTACT", "SENT", "ERROR"), rows, empty=empty)


def _format_sent(each: "ContactReport") -> str:
    sent = ", ".join(f"{count} {kind}" for kind, count in each.sent.items())
    return sent or ("nothing" if each.error else "nothing new")


def _show_news(store: "Store", now: datetime, *, as_json: bool) -> None:
    found = list(_list_news(store, now))
    if as_json:
        show_json(found)
        return
    for each in found:
        say(f"to {each['contact']}: {each['message'].subject}\n{each['message'].body}")
    note("Nothing was sent." if found else "There is nothing new to send.")


def _list_news(store: "Store", now: datetime) -> Iterator[dict[str, Any]]:
    from operations.notifications.expiry_news import list_news, list_news_contacts

    for contact in list_news_contacts(store):
        for each in list_news(store, contact, now):
            yield {"contact": contact, "message": each.message}
