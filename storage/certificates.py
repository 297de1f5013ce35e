"""Certificates and their sealed keys."""

from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select

from domain.certificate import Certificate, PrivateKey
from domain.errors import BadInput
from storage.database import Database
from storage.lookup import ambiguous, unknown
from storage.open_tasks import refuse_while_open, that_deploy
from storage.tables import CertificateRow
from storage.vault import Vault


def identity(fingerprint: str) -> str:
    """What the vault binds a key to."""
    return f"certificate/{fingerprint}"


class Certificates:
    """The uploaded certificates, by name and by fingerprint."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, certificate: Certificate, key: PrivateKey) -> None:
        """Stores both, the key sealed; `BadInput` if the name or the fingerprint is taken."""
        row = CertificateRow(
            fingerprint=certificate.fingerprint,
            name=certificate.name,
            not_after=certificate.not_after,
            document=certificate.model_dump(mode="json"),
            sealed=self._vault.seal(key.pem(), identity(certificate.fingerprint)),
            added_at=datetime.now(UTC),
        )
        try:
            with self._database.write() as session:
                session.add(row)
        except IntegrityError:
            raise self._taken(certificate) from None

    def list(self) -> list[Certificate]:
        """All, by name."""
        with self._database.read() as session:
            rows = session.exec(select(CertificateRow).order_by(col(CertificateRow.name)))
            return [_certificate(row) for row in rows]

    def find(self, name_or_fingerprint_prefix: str) -> Certificate:
        """The one of this name, else the one whose fingerprint begins so, colons or not.

        `BadInput` if there is none, with the nearest names, or more than one.
        """
        asked = name_or_fingerprint_prefix
        with self._database.read() as session:
            named = session.exec(select(CertificateRow).where(col(CertificateRow.name) == asked))
            if row := named.first():
                return _certificate(row)
            rows = _beginning(session, asked.replace(":", "").lower())
            if len(rows) > 1:
                raise ambiguous("certificate", asked, (_label(row) for row in rows))
            if rows:
                return _certificate(rows[0])
            raise unknown("certificate", asked, session.exec(select(CertificateRow.name)))

    def get(self, fingerprint: str) -> Certificate:
        """The one of exactly this fingerprint; `BadInput` if there is none."""
        with self._database.read() as session:
            return _certificate(_row(session, fingerprint))

    def key(self, fingerprint: str) -> PrivateKey:
        """Its private key: open it only where it must be sent, and keep it nowhere."""
        with self._database.read() as session:
            sealed = _row(session, fingerprint).sealed
        return PrivateKey(self._vault.open(sealed, identity(fingerprint)))

    def delete(self, fingerprint: str, *, now: datetime | None = None) -> None:
        """Forgets it and its key; `BadInput` while an open task deploys it."""
        with self._database.write() as session:
            row = _row(session, fingerprint)
            what = f"certificate {row.name!r}"
            refuse_while_open(session, that_deploy(fingerprint), what, now)
            session.exec(
                delete(CertificateRow).where(col(CertificateRow.fingerprint) == fingerprint)
            )

    def _taken(self, certificate: Certificate) -> BadInput:
        with self._database.read() as session:
            row = session.get(CertificateRow, certificate.fingerprint)
            if row is not None:
                return BadInput(
                    f"this certificate is already stored as {row.name!r}",
                    where=certificate.name,
                    fix="Use that one, or delete it first.",
                )
        return BadInput(
            f"the name {certificate.name!r} is taken by another certificate",
            fix="Choose another name.",
        )


def _certificate(row: CertificateRow) -> Certificate:
    return Certificate.model_validate(row.document)


def _label(row: CertificateRow) -> str:
    return f"{row.fingerprint[:16]} ({row.name})"


def _row(session: Session, fingerprint: str) -> CertificateRow:
    row = session.get(CertificateRow, fingerprint)
    if row is None:
        raise unknown("certificate", fingerprint, session.exec(select(CertificateRow.name)))
    return row


def _beginning(session: Session, prefix: str) -> list[CertificateRow]:
    if not prefix:
        return []
    begins = col(CertificateRow.fingerprint).startswith(prefix, autoescape=True)
    return list(session.exec(select(CertificateRow).where(begins).limit(6)))
