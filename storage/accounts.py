"""Stores accounts at providers with their sealed secrets, for `starter` and the connector pool."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from domain.errors import BadInput
from domain.resources.account import Account
from storage.database import Database
from storage.lookup import build_unknown_error
from storage.secrets.vault import Vault
from storage.tables.core import AccountRow
from storage.tasks.open_tasks import changes_account, refuse_if_needed

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


def to_vault_identity(name: str) -> str:
    """The identity under which the vault seals the secrets of an account."""
    return f"account/{name}"


class Accounts:
    """The accounts by name. Deleting one deletes its inventory and its installations."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, account: Account, secrets: Mapping[str, str]) -> None:
        """Adds an account and seals its secrets; refuses an invalid or taken name."""
        if not _NAME.fullmatch(account.name):
            raise BadInput(
                f"{account.name!r} is not a valid account name",
                fix="Use 1 to 31 of a-z, 0-9 and -, beginning with a letter or digit.",
                code="invalid-name",
            )
        row = AccountRow(
            name=account.name,
            provider=account.provider,
            document=account.model_dump(mode="json"),
            sealed=self._vault.seal(
                json.dumps(dict(secrets)).encode(), to_vault_identity(account.name)
            ),
        )
        try:
            with self._database.write() as session:
                session.add(row)
        except IntegrityError:
            raise BadInput(
                f"there is already an account {account.name!r}",
                fix="Choose another name, or delete that account first.",
                code="name-taken",
            ) from None

    def list(self) -> list[Account]:
        """All accounts, by name."""
        with self._database.read() as session:
            rows = session.exec(select(AccountRow).order_by(col(AccountRow.name)))
            return [Account.model_validate(row.document) for row in rows]

    def get(self, name: str) -> Account:
        """The account of this name; raises `BadInput` if there is none."""
        with self._database.read() as session:
            return Account.model_validate(_get_row(session, name).document)

    def get_secrets(self, name: str) -> dict[str, str]:
        """The decrypted secrets. Give them to the provider's client only."""
        with self._database.read() as session:
            sealed = _get_row(session, name).sealed
        secrets: dict[str, str] = json.loads(self._vault.open(sealed, to_vault_identity(name)))
        return secrets

    def delete(self, name: str, *, now: datetime | None = None) -> None:
        """Deletes an account; raises `BadInput` while an open task changes its resources."""
        with self._database.write() as session:
            _get_row(session, name)
            refuse_if_needed(session, changes_account(name), f"account {name!r}", now)
            session.exec(delete(AccountRow).where(col(AccountRow.name) == name))


def _get_row(session: Session, name: str) -> AccountRow:
    row = session.get(AccountRow, name)
    if row is None:
        raise build_unknown_error("account", name, session.exec(select(AccountRow.name)))
    return row
