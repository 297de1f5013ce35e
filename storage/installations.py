"""Where a certificate already lies in a provider's store, so that it is not sent twice."""

from datetime import datetime

from domain.resource import CertificateRef
from storage.database import Database
from storage.statements import upsert
from storage.tables import InstallationRow


class Installations:
    """References by certificate, account and store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, fingerprint: str, account: str, store: str) -> CertificateRef | None:
        """The reference to bind with; None if it was never installed there."""
        with self._database.read() as session:
            row = session.get(InstallationRow, (fingerprint, account, store))
            return None if row is None else CertificateRef.model_validate(row.ref)

    def put(
        self, fingerprint: str, account: str, store: str, ref: CertificateRef, at: datetime
    ) -> None:
        """Remembers it; a second time replaces the first."""
        row = {
            "fingerprint": fingerprint,
            "account": account,
            "store": store,
            "ref": ref.model_dump(mode="json"),
            "installed_at": at,
        }
        with self._database.write() as session:
            upsert(
                session,
                InstallationRow,
                [row],
                lambda new: {"ref": new.ref, "installed_at": new.installed_at},
            )
