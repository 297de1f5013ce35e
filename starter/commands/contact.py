"""`certroll contact`: whom to tell when a task ends or is rolled back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.commands._shared import Json, Yes, confirm, opened, secret_from
from starter.output import say, show_json, show_table

app = typer.Typer(no_args_is_help=True)

VARIABLE, SECRET = "CERTROLL_WEBHOOK", "CERTROLL_ROBOT_SECRET"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The contact's name.")]


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
    as_json: Json = False,
) -> None:
    """Stores one way to tell someone.

    It is sealed: the address of a webhook or of a robot is its password.
    """
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
        store.contacts.add(name, kind, address)
        contact = store.contacts.get(name)
    if as_json:
        show_json(contact)
    else:
        say(f"Contact {name!r} is stored. Try it: certroll contact test {name}")


def _robot(kind: str, url: str | None, secret_file: Path | None) -> tuple[str, str]:
    """The kind, and the address with the signing secret as its fragment."""
    from domain.record import ROBOT_KINDS, SIGNED_ROBOT_KINDS

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


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all contacts, without what is secret of their addresses."""
    with opened() as (store, _):
        contacts = store.contacts.list()
    if as_json:
        show_json(contacts)
        return
    rows = [(contact.name, contact.kind, contact.shown) for contact in contacts]
    show_table(("NAME", "KIND", "ADDRESS"), rows, empty="No contacts yet: certroll contact add")


@app.command("test")
def try_(name: Name, as_json: Json = False) -> None:
    """Sends a contact a message; tells whether it was taken."""
    import asyncio

    from activities.channels import send
    from domain.message import trial_message

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
