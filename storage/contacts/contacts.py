"""Whom to tell, of what, and by which channel."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from domain.errors import BadInput
from domain.notifications.contact import CONTACT_KINDS, ContactChannel
from domain.notifications.events import EventClass
from storage.database import Database
from storage.lookup import unknown
from storage.secrets.vault import Vault
from storage.tables.core import ContactRow, DeliveryRow

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MAIL = re.compile(r"[^\s@<>,;:\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def identity(name: str) -> str:
    """What the vault binds a contact's address to."""
    return f"contact/{name}"


class Contacts:
    """Channels by name; their addresses are sealed, since a webhook's URL is its password."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(
        self, name: str, kind: str, address: str, events: Sequence[EventClass] | None = None
    ) -> None:
        """Stores a "mail" address or the URL of another kind; `BadInput` if ill-formed or taken.

        It is told of `events`, with None of all.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"{name!r} cannot name a contact",
                fix="Use letters, digits, '.', '_' and '-', beginning with a letter or digit.",
            )
        row = ContactRow(
            name=name,
            kind=kind,
            shown=_shown(kind, address, name),
            events=None if events is None else [each.value for each in events],
            sealed=self._vault.seal(address.encode(), identity(name)),
        )
        try:
            with self._database.write() as session:
                session.add(row)
        except IntegrityError:
            raise BadInput(
                f"there is a contact {name!r} already",
                fix="Choose another name, or delete that contact first.",
            ) from None

    def get(self, name: str) -> ContactChannel:
        """The one of this name; `BadInput` if there is none."""
        with self._database.read() as session:
            return _channel(_row(session, name))

    def address(self, name: str) -> str:
        """The whole address: secret for webhooks."""
        with self._database.read() as session:
            sealed = _row(session, name).sealed
        return self._vault.open(sealed, identity(name)).decode()

    def choose(self, name: str, events: Sequence[EventClass] | None) -> None:
        """From now on it is told of these, with None of all. `BadInput` if there is none."""
        with self._database.write() as session:
            _row(session, name).events = None if events is None else [e.value for e in events]

    def delete(self, name: str) -> None:
        """Forgets it; tasks that name it tell one fewer. `BadInput` if there is none.

        Another one of this name knows of no expiry yet. What it was told of tasks stays known.
        """
        of_no_task = col(DeliveryRow.task_id).is_(None)
        with self._database.write() as session:
            _row(session, name)
            session.exec(delete(ContactRow).where(col(ContactRow.name) == name))
            session.exec(delete(DeliveryRow).where(col(DeliveryRow.contact) == name, of_no_task))

    def list(self) -> list[ContactChannel]:
        """All, by name."""
        with self._database.read() as session:
            rows = session.exec(select(ContactRow).order_by(col(ContactRow.name)))
            return [_channel(row) for row in rows]


def _shown(kind: str, address: str, name: str) -> str:
    """What may be seen of the address; refuses one that is not of its kind."""
    if kind == "mail":
        if not _MAIL.fullmatch(address):
            raise BadInput("this is not a mail address", where=name, fix="Give one name@host.")
        return address
    if kind not in CONTACT_KINDS:
        kinds = ", ".join(CONTACT_KINDS)
        raise BadInput(f"{kind!r} is no kind of contact", where=name, fix=f"Use one of {kinds}.")
    site = _site(address)
    if site is None:
        raise BadInput(
            "this is not a web address", where=name, fix="Give one that begins with https://."
        )
    return f"{site}/..."


def _site(address: str) -> str | None:
    """Scheme, host and port: path and query of a webhook are its password."""
    if not address.isascii() or not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return f"{parts.scheme}://{parts.hostname}{port}"


def _channel(row: ContactRow) -> ContactChannel:
    return ContactChannel.model_validate(row.model_dump(exclude={"sealed"}))


def _row(session: Session, name: str) -> ContactRow:
    row = session.get(ContactRow, name)
    if row is None:
        raise unknown("contact", name, session.exec(select(ContactRow.name)))
    return row
