"""Everything that is kept, opened as one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Self

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from domain.calendar.next_opening import MARGIN
from domain.errors import BadInput
from domain.resources.inventory_sync import INVENTORY_AGE, READ_AGE
from domain.resources.retention import KEEP
from storage import accounts
from storage.accounts import Accounts
from storage.calendar import Calendars
from storage.certificates import certificates
from storage.certificates.certificates import Certificates
from storage.certificates.installations import Installations
from storage.certificates.usage import Usage
from storage.contacts import contacts
from storage.contacts.contacts import Contacts
from storage.contacts.deliveries import Deliveries
from storage.coordination.locks import Locks
from storage.coordination.rate_budgets import Budgets
from storage.database import Database
from storage.expiry.drift import EdgeDrifts
from storage.expiry.unreplaced import Unattended
from storage.expiry.view import Expiry
from storage.inventory.inventory import Inventory
from storage.inventory.last_bound import Remembered
from storage.inventory.sync_progress import Syncs
from storage.plans import SavedPlans
from storage.quota import Ledger
from storage.secrets import signing
from storage.secrets.keyring import Keyring
from storage.secrets.signing import Signing
from storage.secrets.vault import Vault
from storage.settings import Settings
from storage.statements import table
from storage.tables.core import AccountRow, CertificateRow, ContactRow
from storage.tables.evidence import SigningKeyRow
from storage.tasks.cause_groups import Causes
from storage.tasks.evidence import Evidence
from storage.tasks.preflight import Preflights
from storage.tasks.reverification import SecondLooks
from storage.tasks.tasks import Tasks

_SEALED: tuple[tuple[type[SQLModel], Callable[[str], str]], ...] = (
    (CertificateRow, certificates.identity),
    (AccountRow, accounts.identity),
    (ContactRow, contacts.identity),
    (SigningKeyRow, signing.identity),
)


def rewrap_all(session: Session, vault: Vault) -> int:
    """How many secrets were under another key; each such key must still be in the keyring."""
    moved = 0
    for row, identity in _SEALED:
        target = table(row)
        (key,) = target.primary_key.columns
        for name, blob in session.execute(select(key, target.c.sealed).with_for_update()).all():
            if vault.kek_id(blob) != vault.keyring.current:
                sealed = vault.rewrap(blob, identity(name))
                session.execute(update(target).where(key == name).values(sealed=sealed))
                moved += 1
    return moved


_PASSING = ("starting up", "shutting down", "in recovery", "not yet accepting")


class DatabaseAway(BadInput):
    """No server of this database answers; it may in a moment."""


class Store:
    """The database, the vault and what lies in them; may be shared between threads."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        window_margin: timedelta = MARGIN,
        keep_certificates: int | None = KEEP,
        inventory_age: timedelta = INVENTORY_AGE,
        read_age: timedelta = READ_AGE,
    ) -> None:
        self.database, self.vault = database, vault
        self.keep_certificates = keep_certificates
        self.inventory_age, self.read_age = inventory_age, read_age
        self.certificates = Certificates(database, vault)
        self.accounts = Accounts(database, vault)
        self.inventory = Inventory(database)
        self.syncs = Syncs(database)
        self.expiry, self.unattended = Expiry(database), Unattended(database)
        self.installations = Installations(database)
        self.usage = Usage(database)
        self.remembered = Remembered(database)
        self.plans = SavedPlans(database)
        self.tasks, self.causes = Tasks(database), Causes(database)
        self.quota = Ledger(database)
        self.contacts, self.deliveries = Contacts(database, vault), Deliveries(database)
        self.preflights = Preflights(database)
        self.calendar = Calendars(database, window_margin)
        self.second_looks, self.edge_drifts = SecondLooks(database), EdgeDrifts(database)
        self.evidence, self.signing = Evidence(database), Signing(database, vault)
        self.locks, self.budgets = Locks(database), Budgets(database)

    @classmethod
    def open(cls, settings: Settings, *, migrate: bool = False) -> Self:
        """Opens it, bringing the schema up to date if asked to.

        `DatabaseAway` if its server does not answer now, `BadInput` if it cannot be used, if its
        schema is not the one that this code needs, or if the key file cannot be used.
        """
        vault = Vault(Keyring.load(settings))
        database = _connect(settings.database())
        try:
            if migrate:
                database.migrate()
            _require_current(database)
        except DBAPIError as error:
            database.dispose()
            raise _unusable(database.redacted_url, error.orig or error) from None
        except BaseException:
            database.dispose()
            raise
        return cls(
            database,
            vault,
            settings.window_margin,
            settings.keep_certificates,
            settings.inventory_age,
            settings.read_age,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self.database.dispose()

    def rotate_keys(self) -> int:
        """Brings every secret under the current key; how many were under another one.

        All or nothing. After it the former keys open nothing and may be thrown away.
        """
        with self.database.write() as session:
            moved = rewrap_all(session, self.vault)
        self.database.erase_leftovers()
        return moved


def _may_come_back(error: BaseException) -> bool:
    """Whether no server answered, or one that is just starting or stopping."""
    kind = type(error)
    if kind.__module__.partition(".")[0] != "psycopg":
        return False
    text = str(error)
    return "FATAL" not in text or any(each in text for each in _PASSING)


def _connect(url: str) -> Database:
    try:
        return Database(url)
    except OSError as error:
        raise _unusable(error.filename or "database", error) from None


def _require_current(database: Database) -> None:
    if pending := database.pending_migrations():
        raise BadInput(
            f"the schema is older than this version of certroll ({', '.join(pending)} to run)",
            where=database.redacted_url,
            fix="Run: certroll database migrate (certroll up does so by itself).",
        )


def _unusable(where: str, error: BaseException) -> BadInput:
    lines = str(getattr(error, "strerror", None) or error).strip().splitlines()
    kind = DatabaseAway if _may_come_back(error) else BadInput
    return kind(
        f"the database cannot be used: {lines[0] if lines else type(error).__name__}",
        where=where,
        fix="Check CERTROLL_DATABASE_URL and CERTROLL_HOME, and that the server runs.",
    )
