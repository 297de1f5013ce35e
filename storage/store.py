"""Opens the database and the vault, with one attribute for each kind of stored data.

The worker and the command line open one store and pass it on.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Self

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from domain.calendar.allowed_start import DEFAULT_EXPIRY_MARGIN
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
from storage.coordination.rate_budgets import RateBudgets
from storage.database import Database
from storage.expiry.drift import EdgeDrifts
from storage.expiry.unreplaced import Unreplaced
from storage.expiry.view import ExpiryView
from storage.inventory.inventory import Inventory
from storage.inventory.last_bound import LastBindings
from storage.inventory.sync_progress import Syncs
from storage.plans import SavedPlans
from storage.quota import QuotaLedger
from storage.secrets import signing
from storage.secrets.keyring import Keyring
from storage.secrets.signing import ReportSigner
from storage.secrets.vault import Vault
from storage.settings import Settings
from storage.statements import get_table
from storage.tables.core import AccountRow, CertificateRow, ContactRow
from storage.tables.evidence import SigningKeyRow
from storage.tasks.cause_groups import CauseGroups
from storage.tasks.evidence import Evidence
from storage.tasks.preflight import Preflights
from storage.tasks.reverification import Reverifications
from storage.tasks.tasks import Tasks

_SEALED: tuple[tuple[type[SQLModel], Callable[[str], str]], ...] = (
    (CertificateRow, certificates.to_vault_identity),
    (AccountRow, accounts.to_vault_identity),
    (ContactRow, contacts.to_vault_identity),
    (SigningKeyRow, signing.to_vault_identity),
)


def rewrap_all(session: Session, vault: Vault) -> int:
    """Wraps all secrets with the current key; returns how many another key wrapped."""
    rewrapped = 0
    for row, identity in _SEALED:
        target = get_table(row)
        (key,) = target.primary_key.columns
        for name, blob in session.execute(select(key, target.c.sealed).with_for_update()).all():
            if vault.kek_id(blob) != vault.keyring.current:
                sealed = vault.rewrap(blob, identity(name))
                session.execute(update(target).where(key == name).values(sealed=sealed))
                rewrapped += 1
    return rewrapped


_TEMPORARY = ("starting up", "shutting down", "in recovery", "not yet accepting")


class DatabaseUnavailable(BadInput):
    """The database server does not answer now. A later attempt may succeed."""


class Store:
    """All stored data. Threads may share it."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        window_margin: timedelta = DEFAULT_EXPIRY_MARGIN,
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
        self.expiry, self.unreplaced = ExpiryView(database), Unreplaced(database)
        self.installations = Installations(database)
        self.usage = Usage(database)
        self.last_bindings = LastBindings(database)
        self.plans = SavedPlans(database)
        self.tasks, self.cause_groups = Tasks(database), CauseGroups(database)
        self.quota = QuotaLedger(database)
        self.contacts, self.deliveries = Contacts(database, vault), Deliveries(database)
        self.preflights = Preflights(database)
        self.calendar = Calendars(database, window_margin)
        self.reverification, self.edge_drifts = Reverifications(database), EdgeDrifts(database)
        self.evidence, self.signing = Evidence(database), ReportSigner(database, vault)
        self.locks, self.rate_budgets = Locks(database), RateBudgets(database)

    @classmethod
    def open(cls, settings: Settings, *, migrate: bool = False) -> Self:
        """Opens the store; `migrate` migrates the schema first.

        Raises `DatabaseUnavailable` if the server does not answer now, `BadInput` if the database
        or the key file is unusable or the schema is not the one of this code.
        """
        vault = Vault(Keyring.load(settings))
        database = _connect(settings.get_database_url())
        try:
            if migrate:
                database.migrate()
            _require_current(database)
        except DBAPIError as error:
            database.dispose()
            raise _build_unusable_error(database.redacted_url, error.orig or error) from None
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
        """Wraps all secrets with the current key, in one transaction; returns how many changed.

        The former keys must still be in the keyring. Afterwards they are not needed any more.
        """
        with self.database.write() as session:
            rewrapped = rewrap_all(session, self.vault)
        self.database.erase_leftovers()
        return rewrapped


def _is_temporary(error: BaseException) -> bool:
    """Whether no server answered, or one that is starting or stopping."""
    kind = type(error)
    if kind.__module__.partition(".")[0] != "psycopg":
        return False
    text = str(error)
    return "FATAL" not in text or any(each in text for each in _TEMPORARY)


def _connect(url: str) -> Database:
    try:
        return Database(url)
    except OSError as error:
        raise _build_unusable_error(error.filename or "database", error) from None


def _require_current(database: Database) -> None:
    if pending := database.pending_migrations():
        raise BadInput(
            f"the schema is older than this version of certroll (pending: {', '.join(pending)})",
            where=database.redacted_url,
            fix="Run: certroll database migrate (certroll up does so by itself).",
            code="schema-too-old",
        )


def _build_unusable_error(where: str, error: BaseException) -> BadInput:
    lines = str(getattr(error, "strerror", None) or error).strip().splitlines()
    kind = DatabaseUnavailable if _is_temporary(error) else BadInput
    return kind(
        f"the database cannot be used: {lines[0] if lines else type(error).__name__}",
        where=where,
        fix="Check CERTROLL_DATABASE_URL and CERTROLL_HOME, and that the server runs.",
        code="database-unusable",
    )
