"""Stores contacts with their sealed addresses, for `starter` and the notifier."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from domain.errors import BadInput
from domain.notifications.channel_kind import ChannelKind
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass
from storage.database import Database
from storage.lookup import build_unknown_error
from storage.secrets.vault import Vault
from storage.tables.core import ContactRow, DeliveryRow

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MAIL = re.compile(r"[^\s@<>,;:\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def to_vault_identity(name: str) -> str:
    """The identity under which the vault seals the address of a contact."""
    return f"contact/{name}"


class Contacts:
    """The contacts by name. Addresses are sealed, since the URL of a webhook is its password."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(
        self, name: str, kind: str, address: str, events: Sequence[EventClass] | None = None
    ) -> None:
        """Adds a contact with a mail address (kind "mail") or a URL; it receives `events` or all.

        Raises `BadInput` if the name is taken, or the name, kind or address is invalid.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"{name!r} is not a valid contact name",
                fix="Use letters, digits, '.', '_' and '-', beginning with a letter or digit.",
                code="invalid-name",
            )
        row = ContactRow(
            name=name,
            kind=kind,
            redacted_address=_redact_address(kind, address, name),
            events=None if events is None else [each.value for each in events],
            sealed=self._vault.seal(address.encode(), to_vault_identity(name)),
        )
        try:
            with self._database.write() as session:
                session.add(row)
        except IntegrityError:
            raise BadInput(
                f"there is already a contact {name!r}",
                fix="Choose another name, or delete that contact first.",
                code="name-taken",
            ) from None

    def get(self, name: str) -> ContactChannel:
        """The contact of this name; raises `BadInput` if there is none."""
        with self._database.read() as session:
            return _to_channel(_get_row(session, name))

    def get_address(self, name: str) -> str:
        """The decrypted address. The URL of a webhook is secret."""
        with self._database.read() as session:
            sealed = _get_row(session, name).sealed
        return self._vault.open(sealed, to_vault_identity(name)).decode()

    def set_events(self, name: str, events: Sequence[EventClass] | None) -> None:
        """Sets which events the contact receives; None means all. Raises `BadInput` if unknown."""
        with self._database.write() as session:
            _get_row(session, name).events = None if events is None else [e.value for e in events]

    def delete(self, name: str) -> None:
        """Deletes a contact and the record of expiry messages to it; raises `BadInput` if unknown.

        The record of messages about tasks stays. Tasks with this contact notify the others only.
        """
        of_no_task = col(DeliveryRow.task_id).is_(None)
        with self._database.write() as session:
            _get_row(session, name)
            session.exec(delete(ContactRow).where(col(ContactRow.name) == name))
            session.exec(delete(DeliveryRow).where(col(DeliveryRow.contact) == name, of_no_task))

    def list(self) -> list[ContactChannel]:
        """All contacts, by name."""
        with self._database.read() as session:
            rows = session.exec(select(ContactRow).order_by(col(ContactRow.name)))
            return [_to_channel(row) for row in rows]


def _redact_address(kind: str, address: str, name: str) -> str:
    """The address without its secrets; raises `BadInput` if it does not fit the kind."""
    if kind == "mail":
        if not _MAIL.fullmatch(address):
            raise BadInput(
                "this is not a mail address",
                where=name,
                fix="Give an address like name@host.",
                code="invalid-address",
            )
        return address
    if kind not in tuple(ChannelKind):
        kinds = ", ".join(ChannelKind)
        raise BadInput(
            f"{kind!r} is not a kind of contact",
            where=name,
            fix=f"Use one of {kinds}.",
            code="unknown-contact-kind",
        )
    site = _site(address)
    if site is None:
        raise BadInput(
            "this is not a web address",
            where=name,
            fix="Give one that begins with https://.",
            code="invalid-address",
        )
    return f"{site}/..."


def _site(address: str) -> str | None:
    """Scheme, host and port of a URL; None if it is invalid."""
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


def _to_channel(row: ContactRow) -> ContactChannel:
    return ContactChannel.model_validate(row.model_dump(exclude={"sealed"}))


def _get_row(session: Session, name: str) -> ContactRow:
    row = session.get(ContactRow, name)
    if row is None:
        raise build_unknown_error("contact", name, session.exec(select(ContactRow.name)))
    return row
