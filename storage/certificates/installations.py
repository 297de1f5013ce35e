"""Where a certificate already lies in a provider's store, so that it is not sent twice."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Delete, delete
from sqlmodel import col, select

from domain.resources.resource import CertificateRef
from domain.resources.retention import Held
from storage.database import Database
from storage.statements import batches, upsert
from storage.tables.core import CertificateRow, InstallationRow


class Installations:
    """References by certificate, account and store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, fingerprint: str, account: str, store: str) -> CertificateRef | None:
        """The reference to bind with; None if it was never installed there."""
        with self._database.read() as session:
            row = session.get(InstallationRow, (fingerprint, account, store))
            return None if row is None else _ref(row)

    def begin_upload(self, fingerprint: str, account: str, store: str, at: datetime) -> None:
        """Remembers that it is about to be uploaded: before the call, whose answer may be lost."""
        row = _values(fingerprint, account, store, at)
        with self._database.write() as session:
            upsert(session, InstallationRow, [{**row, "uploaded": True}], _begun)

    def give_up_upload(self, fingerprint: str, account: str, store: str) -> None:
        """Forgets an upload that was clearly refused: what is found there later is not ours."""
        begun = col(InstallationRow.ref).is_(None)
        with self._database.write() as session:
            session.exec(_delete(fingerprint, account, store).where(begun))

    def put(
        self, fingerprint: str, account: str, store: str, ref: CertificateRef, at: datetime
    ) -> None:
        """Remembers where it lies; a second time replaces the first.

        It counts as uploaded by us if an upload was begun, in this attempt or in one before, and
        for as long as it lies where that upload put it.
        """
        with self._database.write() as session:
            row = _values(fingerprint, account, store, at)
            upsert(session, InstallationRow, [row], lambda new: {"installed_at": new.installed_at})
            there = session.get_one(InstallationRow, (fingerprint, account, store))
            there.uploaded = there.uploaded and _ref(there) in (None, ref)
            there.ref = ref.model_dump(mode="json")

    def forget(self, fingerprint: str, account: str, store: str) -> None:
        """It lies there no longer: a later deployment uploads it again."""
        with self._database.write() as session:
            session.exec(_delete(fingerprint, account, store))

    def held(self, account: str | None = None) -> list[Held]:
        """All certificates that lie in a store, of all accounts unless told, oldest first."""
        query = (
            select(InstallationRow, CertificateRow.name)
            .join(CertificateRow, col(CertificateRow.fingerprint) == InstallationRow.fingerprint)
            .where(col(InstallationRow.ref).is_not(None))
            .order_by(col(InstallationRow.installed_at), col(InstallationRow.fingerprint))
        )
        if account is not None:
            query = query.where(col(InstallationRow.account) == account)
        with self._database.read() as session:
            return [_held(row, name) for row, name in session.exec(query)]

    def lying(self, fingerprints: Iterable[str]) -> set[tuple[str, str, str]]:
        """(fingerprint, account, store) of each place where one of these lies."""
        row = InstallationRow
        there = select(row.fingerprint, row.account, row.store).where(col(row.ref).is_not(None))
        found: set[tuple[str, str, str]] = set()
        with self._database.read() as session:
            for batch in batches(fingerprints):
                found.update(session.exec(there.where(col(row.fingerprint).in_(batch))))
        return found


def _values(fingerprint: str, account: str, store: str, at: datetime) -> dict[str, Any]:
    """A place where nothing lies yet."""
    key = {"fingerprint": fingerprint, "account": account, "store": store}
    return {**key, "ref": None, "installed_at": at, "uploaded": False}


def _begun(new: Any) -> Mapping[str, Any]:
    """Whatever lay there before: it was not found there any more, else nothing would be sent."""
    return {"ref": new.ref, "installed_at": new.installed_at, "uploaded": new.uploaded}


def _delete(fingerprint: str, account: str, store: str) -> Delete:
    return delete(InstallationRow).where(
        col(InstallationRow.fingerprint) == fingerprint,
        col(InstallationRow.account) == account,
        col(InstallationRow.store) == store,
    )


def _ref(row: InstallationRow) -> CertificateRef | None:
    return None if row.ref is None else CertificateRef.model_validate(row.ref)


def _held(row: InstallationRow, name: str) -> Held:
    return Held(
        fingerprint=row.fingerprint,
        name=name,
        account=row.account,
        store=row.store,
        ref=CertificateRef.model_validate(row.ref),
        uploaded=row.uploaded,
    )
