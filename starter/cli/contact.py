"""`certroll contact`: whom to tell, of what, and whether that works."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, Yes, confirm, opened, secret_from
from starter.cli.terminal.output import say, show_json, show_table

if TYPE_CHECKING:
    from domain.notifications.events import EventClass
    from storage.contacts.deliveries import Delivery

app = typer.Typer(no_args_is_help=True)

VARIABLE, SECRET = "CERTROLL_WEBHOOK", "CERTROLL_ROBOT_SECRET"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The contact's name.")]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        metavar="CLASS",
        help="Of what it is told: finished, needs_operator, rolled_back, expiring, drifted or all; "
        "repeatable, by default all.",
    ),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As tasks will name it.")],
    mail: Annotated[
        str | None, typer.Option("--mail", metavar="ADDRESS", help="A mail address.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Gets each message as JSON.")
    ] = None,
    webhook_file: Annotated[
        Path | None,
        typer.Option("--webhook-file", metavar="FILE", help="For an address that is secret."),
    ] = None,
    robot: Annotated[
        str | None,
        typer.Option(
            "--robot",
            metavar="KIND",
            help="The webhook is a chat robot's: dingtalk, feishu, wecom or slack.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help=f"With the robot's signing secret; else ${SECRET}. DingTalk and Feishu.",
        ),
    ] = None,
    event: Events = None,
    as_json: Json = False,
) -> None:
    """Stores one way to tell someone.

    It is sealed: the address of a webhook or of a robot is its password. Tasks that name it tell it
    what becomes of them; of expiry and drift it is told by itself.
    """
    chosen = _classes(event)
    given = [value for value in (mail, webhook, webhook_file) if value is not None]
    if len(given) != 1:
        raise BadInput(
            f"{len(given)} addresses are given",
            where=name,
            fix="Give one of --mail, --webhook and --webhook-file.",
        )
    url = webhook if webhook_file is None else (secret_from(webhook_file, VARIABLE) or "").strip()
    if robot is not None:
        kind, address = _robot(robot, url, secret_file)
    else:
        kind, address = ("webhook", url or "") if mail is None else ("mail", mail)
    with opened() as (store, _):
        store.contacts.add(name, kind, address, chosen)
        contact = store.contacts.get(name)
    if as_json:
        show_json(contact)
    else:
        say(f"Contact {name!r} is stored. Try it: certroll contact test {name}")


def _robot(kind: str, url: str | None, secret_file: Path | None) -> tuple[str, str]:
    """The kind, and the address with the signing secret as its fragment."""
    from domain.notifications.contact import ROBOT_KINDS, SIGNED_ROBOT_KINDS

    if kind not in ROBOT_KINDS:
        raise BadInput(
            f"{kind!r} is no kind of robot", where="--robot", fix=f"Use {', '.join(ROBOT_KINDS)}."
        )
    if url is None:
        raise BadInput(
            "a robot has a web address",
            where="--robot",
            fix="Give it with --webhook or --webhook-file.",
        )
    secret = (secret_from(secret_file, SECRET) or "").strip()
    if secret and kind not in SIGNED_ROBOT_KINDS:
        raise BadInput(
            f"{kind} robots have no signing secret", where="--secret-file", fix="Leave it out."
        )
    return kind, f"{url}#{secret}" if secret else url


def _classes(given: list[str] | None) -> "list[EventClass] | None":
    """The classes of these names; None for all of them, also such as come later."""
    from domain.notifications.events import EventClass

    if not given or "all" in given:
        return None
    known = [each.value for each in EventClass]
    if unknown := [each for each in given if each not in known]:
        raise BadInput(
            f"{unknown[0]!r} is no class of events",
            where="--event",
            fix=f"Use {', '.join(known)} or all.",
        )
    return [each for each in EventClass if each.value in given]


@app.command()
def edit(name: Name, event: Events = None, as_json: Json = False) -> None:
    """Changes of what a contact is told; "--event all": of everything."""
    if not event:
        raise BadInput("nothing is to be changed", where=name, fix="Give --event.")
    chosen = _classes(event)
    with opened() as (store, _):
        store.contacts.choose(name, chosen)
        contact = store.contacts.get(name)
    if as_json:
        show_json(contact)
    else:
        say(f"Contact {name!r} is told of: {_told_of(contact.events)}.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all contacts, without what is secret of their addresses.

    LAST says when each was told last, or why that failed.
    """
    with opened() as (store, _):
        contacts, latest = store.contacts.list(), store.deliveries.latest()
    if as_json:
        show_json(
            [{**each.model_dump(mode="json"), "last": latest.get(each.name)} for each in contacts]
        )
        return
    rows = [
        (each.name, each.kind, each.shown, _told_of(each.events), _last(latest.get(each.name)))
        for each in contacts
    ]
    columns = ("NAME", "KIND", "ADDRESS", "TOLD OF", "LAST")
    show_table(columns, rows, empty="No contacts yet: certroll contact add")


def _told_of(events: "tuple[EventClass, ...] | None") -> str:
    return "all" if events is None else ", ".join(events)


def _last(delivery: "Delivery | None") -> str:
    from starter.cli.terminal.times import shown

    if delivery is None:
        return "nothing yet"
    what = f"{shown(delivery.at)}: {delivery.event}"
    return what if delivery.ok else f"{what} not told: {delivery.detail}"


@app.command("test")
def try_(name: Name, as_json: Json = False) -> None:
    """Sends a contact a message; tells whether it was taken."""
    import asyncio

    from domain.notifications.message import trial_message
    from operations.notifications.channels import send

    with opened() as (store, settings):
        kind, address = store.contacts.get(name).kind, store.contacts.address(name)
    asyncio.run(send(kind, address, trial_message(datetime.now(UTC)), settings))
    if as_json:
        show_json({"contact": name, "told": True})
    else:
        say(f"Contact {name!r} was told.")


@app.command()
def delete(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Forgets a contact; tasks that name it tell one fewer."""
    with opened() as (store, _):
        store.contacts.get(name)
        confirm(f"Delete contact {name!r}?", yes=yes)
        store.contacts.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Contact {name!r} is deleted.")
