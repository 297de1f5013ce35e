"""Records which certificates are in provider stores, so that none is uploaded twice.

Deployments and the cleanup call it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Delete, delete
from sqlmodel import col, select

from domain.resources.resource import CertificateRef
from domain.resources.retention import StoreEntry
from storage.database import Database
from storage.statements import batches, upsert
from storage.tables.core import CertificateRow, InstallationRow


class Installations:
    """The installations by certificate, account and store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, fingerprint: str, account: str, store: str) -> CertificateRef | None:
        """The reference of a certificate in a store; None if it is not known to be there."""
        with self._database.read() as session:
            row = session.get(InstallationRow, (fingerprint, account, store))
            return None if row is None else _to_ref(row)

    def begin_upload(self, fingerprint: str, account: str, store: str, at: datetime) -> None:
        """Records that an upload begins; call it before the upload, whose answer may be lost."""
        row = _build_columns(fingerprint, account, store, at)
        with self._database.write() as session:
            upsert(session, InstallationRow, [{**row, "uploaded": True}], _restart_upload)

    def cancel_upload(self, fingerprint: str, account: str, store: str) -> None:
        """Deletes the record of a refused upload: a certificate found later is not ours."""
        pending = col(InstallationRow.ref).is_(None)
        with self._database.write() as session:
            session.exec(_delete(fingerprint, account, store).where(pending))

    def save(
        self, fingerprint: str, account: str, store: str, ref: CertificateRef, at: datetime
    ) -> None:
        """Saves the reference of a certificate in a store, in place of a former one.

        It counts as uploaded by certroll if an upload has begun before, and for as long as the
        reference stays the one of that upload.
        """
        with self._database.write() as session:
            row = _build_columns(fingerprint, account, store, at)
            upsert(session, InstallationRow, [row], lambda new: {"installed_at": new.installed_at})
            stored = session.get_one(InstallationRow, (fingerprint, account, store))
            stored.uploaded = stored.uploaded and _to_ref(stored) in (None, ref)
            stored.ref = ref.model_dump(mode="json")

    def delete(self, fingerprint: str, account: str, store: str) -> None:
        """Deletes an installation; a later deployment uploads the certificate again."""
        with self._database.write() as session:
            session.exec(_delete(fingerprint, account, store))

    def list(self, account: str | None = None) -> list[StoreEntry]:
        """All certificates in stores, of one account or of all, oldest first."""
        query = (
            select(InstallationRow, CertificateRow.name)
            .join(CertificateRow, col(CertificateRow.fingerprint) == InstallationRow.fingerprint)
            .where(col(InstallationRow.ref).is_not(None))
            .order_by(col(InstallationRow.installed_at), col(InstallationRow.fingerprint))
        )
        if account is not None:
            query = query.where(col(InstallationRow.account) == account)
        with self._database.read() as session:
            return [_to_held(row, name) for row, name in session.exec(query)]

    def list_locations(self, fingerprints: Iterable[str]) -> set[tuple[str, str, str]]:
        """(fingerprint, account, store) of each installation of these certificates."""
        row = InstallationRow
        installed = select(row.fingerprint, row.account, row.store).where(col(row.ref).is_not(None))
        found: set[tuple[str, str, str]] = set()
        with self._database.read() as session:
            for batch in batches(fingerprints):
                found.update(session.exec(installed.where(col(row.fingerprint).in_(batch))))
        return found


def _build_columns(fingerprint: str, account: str, store: str, at: datetime) -> dict[str, Any]:
    """The columns of an installation without a reference."""
    key = {"fingerprint": fingerprint, "account": account, "store": store}
    return {**key, "ref": None, "installed_at": at, "uploaded": False}


def _restart_upload(new: Any) -> Mapping[str, Any]:
    """The new values of a former installation: it was gone, or there would be no upload."""
    return {"ref": new.ref, "installed_at": new.installed_at, "uploaded": new.uploaded}


def _delete(fingerprint: str, account: str, store: str) -> Delete:
    return delete(InstallationRow).where(
        col(InstallationRow.fingerprint) == fingerprint,
        col(InstallationRow.account) == account,
        col(InstallationRow.store) == store,
    )


def _to_ref(row: InstallationRow) -> CertificateRef | None:
    return None if row.ref is None else CertificateRef.model_validate(row.ref)


def _to_held(row: InstallationRow, name: str) -> StoreEntry:
    return StoreEntry(
        fingerprint=row.fingerprint,
        name=name,
        account=row.account,
        store=row.store,
        ref=CertificateRef.model_validate(row.ref),
        uploaded=row.uploaded,
    )
