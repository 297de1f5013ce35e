"""`certroll contact`: who is notified of which events, by mail, webhook or chat robot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from domain.notifications.channel_kind import ROBOT_KINDS, SIGNED_ROBOT_KINDS
from domain.notifications.events import EventClass
from starter.cli.shared import Json, Yes, confirm, open_store, read_secret
from starter.cli.terminal.output import say, show_json, show_table

if TYPE_CHECKING:
    from storage.contacts.deliveries import Delivery

app = typer.Typer(no_args_is_help=True)

VARIABLE, SECRET = "CERTROLL_WEBHOOK", "CERTROLL_ROBOT_SECRET"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The contact's name.")]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        metavar="CLASS",
        help=f"Which events it gets: {', '.join(EventClass)} or all; repeatable. Default: all.",
    ),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for it, used by tasks.")],
    mail: Annotated[
        str | None, typer.Option("--mail", metavar="ADDRESS", help="A mail address.")
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", help="A URL that gets each message as JSON."),
    ] = None,
    webhook_file: Annotated[
        Path | None,
        typer.Option(
            "--webhook-file", metavar="FILE", help="A file with the webhook URL, which is a secret."
        ),
    ] = None,
    robot: Annotated[
        str | None,
        typer.Option(
            "--robot",
            metavar="KIND",
            help=f"The webhook belongs to a chat robot of this kind: {', '.join(ROBOT_KINDS)}.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help=f"A file with the robot's signing secret. Default: {SECRET}. Only for "
            f"{' and '.join(SIGNED_ROBOT_KINDS)}.",
        ),
    ] = None,
    event: Events = None,
    as_json: Json = False,
) -> None:
    """Stores a contact: a mail address, a webhook or a chat robot.

    The address is stored encrypted, because whoever knows the URL of a webhook can post to it. A
    contact gets events of the tasks that name it, and events of expiry and drift.
    """
    chosen = _parse_event_classes(event)
    given = [value for value in (mail, webhook, webhook_file) if value is not None]
    if len(given) != 1:
        raise BadInput(
            f"{len(given)} addresses are given instead of one",
            where=name,
            fix="Give one of --mail, --webhook and --webhook-file.",
            code="conflicting-options",
        )
    url = webhook if webhook_file is None else (read_secret(webhook_file, VARIABLE) or "").strip()
    if robot is not None:
        kind, address = _parse_robot(robot, url, secret_file)
    else:
        kind, address = ("webhook", url or "") if mail is None else ("mail", mail)
    with open_store() as (store, _):
        store.contacts.add(name, kind, address, chosen)
        contact = store.contacts.get(name)
    if as_json:
        show_json(contact)
    else:
        say(f"Contact {name!r} is stored. Test it: certroll contact test {name}")


def _parse_robot(kind: str, url: str | None, secret_file: Path | None) -> tuple[str, str]:
    """Returns the kind, and the address with the signing secret as its fragment."""
    if kind not in ROBOT_KINDS:
        raise BadInput(
            f"there is no robot kind {kind[:60]!r}",
            where="--robot",
            fix=f"Use {', '.join(ROBOT_KINDS)}.",
            code="unknown-robot",
        )
    if url is None:
        raise BadInput(
            "a robot needs a webhook URL",
            where="--robot",
            fix="Give it by --webhook or --webhook-file.",
            code="missing-option",
        )
    secret = (read_secret(secret_file, SECRET) or "").strip()
    if secret and kind not in SIGNED_ROBOT_KINDS:
        raise BadInput(
            f"{kind} robots have no signing secret",
            where="--secret-file",
            fix="Leave it out.",
            code="conflicting-options",
        )
    return kind, f"{url}#{secret}" if secret else url


def _parse_event_classes(given: list[str] | None) -> "list[EventClass] | None":
    """Parses event classes; None means all, also future ones."""
    if not given or "all" in given:
        return None
    known = [each.value for each in EventClass]
    if unknown := [each for each in given if each not in known]:
        raise BadInput(
            f"there is no event class {unknown[0][:60]!r}",
            where="--event",
            fix=f"Use {', '.join(known)} or all.",
            code="unknown-event",
        )
    return [each for each in EventClass if each.value in given]


@app.command()
def edit(name: Name, event: Events = None, as_json: Json = False) -> None:
    """Changes which events a contact gets."""
    if not event:
        raise BadInput("no change is given", where=name, fix="Give --event.", code="missing-option")
    chosen = _parse_event_classes(event)
    with open_store() as (store, _):
        store.contacts.set_events(name, chosen)
        contact = store.contacts.get(name)
    if as_json:
        show_json(contact)
    else:
        say(f"Contact {name!r} gets: {_format_events(contact.events)}.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all contacts, with the secret parts of their addresses redacted.

    LAST SENT is the last notification, or why it failed.
    """
    with open_store() as (store, _):
        contacts, latest = store.contacts.list(), store.deliveries.get_latest()
    if as_json:
        show_json(
            [{**each.model_dump(mode="json"), "last": latest.get(each.name)} for each in contacts]
        )
        return
    rows = [
        (
            each.name,
            each.kind,
            each.redacted_address,
            _format_events(each.events),
            _format_last_delivery(latest.get(each.name)),
        )
        for each in contacts
    ]
    columns = ("NAME", "KIND", "ADDRESS", "EVENTS", "LAST SENT")
    show_table(columns, rows, empty="No contacts yet: certroll contact add")


def _format_events(events: "tuple[EventClass, ...] | None") -> str:
    return "all" if events is None else ", ".join(events)


def _format_last_delivery(delivery: "Delivery | None") -> str:
    from starter.cli.terminal.times import format_minute

    if delivery is None:
        return "nothing yet"
    what = f"{format_minute(delivery.at)}: {delivery.event}"
    return what if delivery.ok else f"{what} failed: {delivery.detail}"


@app.command("test")
def send_test_message(name: Name, as_json: Json = False) -> None:
    """Sends a test message to a contact, and reports whether it was accepted."""
    import asyncio

    from domain.notifications.message import build_test_message
    from operations.notifications.channels import send

    with open_store() as (store, settings):
        kind, address = store.contacts.get(name).kind, store.contacts.get_address(name)
    asyncio.run(send(kind, address, build_test_message(datetime.now(UTC)), settings))
    if as_json:
        show_json({"contact": name, "sent": True})
    else:
        say(f"Test message sent to contact {name!r}.")


@app.command()
def delete(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Deletes a contact. Tasks that name it no longer notify it."""
    with open_store() as (store, _):
        store.contacts.get(name)
        confirm(f"Delete contact {name!r}?", yes=yes)
        store.contacts.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Contact {name!r} is deleted.")
