"""Accounts at providers, and their sealed secrets."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from domain.errors import BadInput
from domain.resources.account import Account
from storage.database import Database
from storage.lookup import unknown
from storage.secrets.vault import Vault
from storage.tables.core import AccountRow
from storage.tasks.open_tasks import refuse_while_open, that_change

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def identity(name: str) -> str:
    """What the vault binds an account's secrets to."""
    return f"account/{name}"


class Accounts:
    """The accounts by name. With an account go its inventory and what is known of its stores."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, account: Account, secrets: Mapping[str, str]) -> None:
        """Stores both, the secrets sealed; `BadInput` if the name is ill-formed or taken."""
        if not _NAME.fullmatch(account.name):
            raise BadInput(
                f"{account.name!r} cannot name an account",
                fix="Use 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit.",
            )
        row = AccountRow(
            name=account.name,
            provider=account.provider,
            document=account.model_dump(mode="json"),
            sealed=self._vault.seal(json.dumps(dict(secrets)).encode(), identity(account.name)),
        )
        try:
            with self._database.write() as session:
                session.add(row)
        except IntegrityError:
            raise BadInput(
                f"there is an account {account.name!r} already",
                fix="Choose another name, or delete that account first.",
            ) from None

    def list(self) -> list[Account]:
        """All, by name."""
        with self._database.read() as session:
            rows = session.exec(select(AccountRow).order_by(col(AccountRow.name)))
            return [Account.model_validate(row.document) for row in rows]

    def get(self, name: str) -> Account:
        """The one of this name; `BadInput` if there is none."""
        with self._database.read() as session:
            return Account.model_validate(_row(session, name).document)

    def secrets(self, name: str) -> dict[str, str]:
        """Its secrets in clear: for the provider's client, and nowhere else."""
        with self._database.read() as session:
            sealed = _row(session, name).sealed
        found: dict[str, str] = json.loads(self._vault.open(sealed, identity(name)))
        return found

    def delete(self, name: str, *, now: datetime | None = None) -> None:
        """Forgets it with its inventory; `BadInput` while an open task changes its resources."""
        with self._database.write() as session:
            _row(session, name)
            refuse_while_open(session, that_change(name), f"account {name!r}", now)
            session.exec(delete(AccountRow).where(col(AccountRow.name) == name))


def _row(session: Session, name: str) -> AccountRow:
    row = session.get(AccountRow, name)
    if row is None:
        raise unknown("account", name, session.exec(select(AccountRow.name)))
    return row
