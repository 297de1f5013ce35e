"""Stores certificates with their sealed private keys, for `starter`, plans and deployments."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select, update

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.certificates.renewal import RenewalPolicy, RenewalSettings
from domain.errors import BadInput
from storage.database import Database
from storage.lookup import build_ambiguous_error, build_unknown_error
from storage.secrets.vault import Vault
from storage.tables.core import CertificateRow, ResourceRow, TaskRow
from storage.tasks.open_tasks import deploys_certificate, refuse_if_needed

NO_RENEWAL = RenewalSettings()


def to_vault_identity(fingerprint: str) -> str:
    """The identity under which the vault seals the key of a certificate."""
    return f"certificate/{fingerprint}"


class Certificates:
    """The certificates, by name and by fingerprint."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(
        self, certificate: Certificate, key: PrivateKey, renewal: RenewalSettings = NO_RENEWAL
    ) -> None:
        """Adds a certificate and seals its key.

        Raises `BadInput` if the name or the fingerprint is taken, or if the certificate that it
        replaces has another successor.
        """
        row = CertificateRow(
            fingerprint=certificate.fingerprint,
            name=certificate.name,
            not_after=certificate.not_after,
            document=certificate.model_dump(mode="json"),
            sealed=self._vault.seal(key.pem(), to_vault_identity(certificate.fingerprint)),
            added_at=datetime.now(UTC),
            **_to_columns(renewal),
        )
        try:
            with self._database.write() as session:
                _check_no_other_successor(session, certificate.fingerprint, renewal.replaces)
                session.add(row)
        except IntegrityError:
            raise self._build_taken_error(certificate) from None

    def is_stored(self, fingerprint: str) -> bool:
        """Whether this certificate is stored; a plan calls it for each of many resources."""
        own = col(CertificateRow.fingerprint)
        with self._database.read() as session:
            return session.exec(select(own).where(own == fingerprint)).first() is not None

    def list(self) -> list[Certificate]:
        """All certificates, by name."""
        with self._database.read() as session:
            rows = session.exec(select(CertificateRow).order_by(col(CertificateRow.name)))
            return [_to_certificate(row) for row in rows]

    def find(self, name_or_fingerprint_prefix: str) -> Certificate:
        """The certificate of this name, else whose fingerprint begins like this, colons or not.

        Raises `BadInput` if there is none or more than one.
        """
        wanted = name_or_fingerprint_prefix
        with self._database.read() as session:
            named = session.exec(select(CertificateRow).where(col(CertificateRow.name) == wanted))
            if row := named.first():
                return _to_certificate(row)
            rows = _find_by_prefix(session, wanted.replace(":", "").lower())
            if len(rows) > 1:
                raise build_ambiguous_error("certificate", wanted, (_label(row) for row in rows))
            if rows:
                return _to_certificate(rows[0])
            raise build_unknown_error(
                "certificate", wanted, session.exec(select(CertificateRow.name))
            )

    def get(self, fingerprint: str) -> Certificate:
        """The certificate of this fingerprint; raises `BadInput` if there is none."""
        with self._database.read() as session:
            return _to_certificate(_get_row(session, fingerprint))

    def get_key(self, fingerprint: str) -> PrivateKey:
        """The decrypted private key. Call it only where the key must be sent; do not keep it."""
        with self._database.read() as session:
            sealed = _get_row(session, fingerprint).sealed
        return PrivateKey(self._vault.open(sealed, to_vault_identity(fingerprint)))

    def get_if_stored(self, fingerprint: str) -> Certificate | None:
        """The certificate of this fingerprint; None if it is not stored."""
        with self._database.read() as session:
            row = session.get(CertificateRow, fingerprint)
            return None if row is None else _to_certificate(row)

    def get_renewal(self, fingerprint: str) -> RenewalSettings:
        """Which certificate it replaces, and its renewal policy; raises `BadInput` if unknown."""
        with self._database.read() as session:
            row = _get_row(session, fingerprint)
            return RenewalSettings(replaces=row.replaces, policy=_to_policy(row.policy))

    def list_renewals(self) -> dict[str, RenewalSettings]:
        """The renewal settings of each certificate, by fingerprint."""
        columns = select(CertificateRow.fingerprint, CertificateRow.replaces, CertificateRow.policy)
        with self._database.read() as session:
            return {
                fingerprint: RenewalSettings(replaces=replaces, policy=_to_policy(policy))
                for fingerprint, replaces, policy in session.exec(columns)
            }

    def set_renewal(self, fingerprint: str, renewal: RenewalSettings) -> None:
        """Sets the renewal settings; raises `BadInput` like `add`."""
        with self._database.write() as session:
            _get_row(session, fingerprint)
            _check_no_other_successor(session, fingerprint, renewal.replaces)
            change = update(CertificateRow).where(col(CertificateRow.fingerprint) == fingerprint)
            session.exec(change.values(**_to_columns(renewal)))

    def get_predecessors(self) -> dict[str, str]:
        """The fingerprint that each certificate replaces, which may be deleted by now."""
        columns = select(CertificateRow.fingerprint, CertificateRow.replaces)
        with self._database.read() as session:
            rows = session.exec(columns.where(col(CertificateRow.replaces).is_not(None)))
            return {new: old for new, old in rows if old is not None}

    def list_task_ids(self, fingerprint: str) -> tuple[str, ...]:
        """The ids of all tasks that deploy it, also deleted ones, oldest first."""
        query = select(TaskRow.id).where(deploys_certificate(fingerprint))
        with self._database.read() as session:
            return tuple(session.exec(query.order_by(col(TaskRow.created_at), col(TaskRow.id))))

    def count_serving_resources(self, fingerprints: Sequence[str]) -> int:
        """How many resources serve one of these certificates, as of the last sync."""
        serving = col(ResourceRow.serves).in_(fingerprints)
        query = select(func.count()).where(serving, col(ResourceRow.vanished_at).is_(None))
        with self._database.read() as session:
            return session.exec(query).one()

    def delete(self, fingerprint: str, *, now: datetime | None = None) -> None:
        """Deletes a certificate and its key; raises `BadInput` while an open task deploys it."""
        with self._database.write() as session:
            row = _get_row(session, fingerprint)
            what = f"certificate {row.name!r}"
            refuse_if_needed(session, deploys_certificate(fingerprint), what, now)
            session.exec(
                delete(CertificateRow).where(col(CertificateRow.fingerprint) == fingerprint)
            )

    def _build_taken_error(self, certificate: Certificate) -> BadInput:
        with self._database.read() as session:
            row = session.get(CertificateRow, certificate.fingerprint)
            if row is not None:
                return BadInput(
                    f"this certificate is already stored as {row.name!r}",
                    where=certificate.name,
                    fix="Use that one, or delete it first.",
                    code="certificate-exists",
                )
        return BadInput(
            f"another certificate has the name {certificate.name!r}",
            fix="Choose another name.",
            code="name-taken",
        )


def _to_columns(renewal: RenewalSettings) -> dict[str, Any]:
    return {"replaces": renewal.replaces, "policy": renewal.policy.model_dump(mode="json")}


def _to_policy(stored: Mapping[str, Any] | None) -> RenewalPolicy:
    return RenewalPolicy() if stored is None else RenewalPolicy.model_validate(stored)


def _check_no_other_successor(session: Session, fingerprint: str, replaces: str | None) -> None:
    """Raises `BadInput` if another certificate replaces `replaces`: each has one successor."""
    if replaces is None:
        return
    # The lock makes another transaction that adds a successor wait here.
    predecessor = select(CertificateRow).where(col(CertificateRow.fingerprint) == replaces)
    name = (
        old.name if (old := session.exec(predecessor.with_for_update()).first()) else replaces[:12]
    )
    others = select(CertificateRow).where(
        col(CertificateRow.replaces) == replaces, col(CertificateRow.fingerprint) != fingerprint
    )
    if other := session.exec(others).first():
        raise BadInput(
            f"{name!r} already has a successor: {other.name!r}",
            where="--replaces",
            fix=f"Replace {other.name!r} instead.",
            code="successor-exists",
        )


def _to_certificate(row: CertificateRow) -> Certificate:
    return Certificate.model_validate(row.document)


def _label(row: CertificateRow) -> str:
    return f"{row.fingerprint[:16]} ({row.name})"


def _get_row(session: Session, fingerprint: str) -> CertificateRow:
    row = session.get(CertificateRow, fingerprint)
    if row is None:
        raise build_unknown_error(
            "certificate", fingerprint, session.exec(select(CertificateRow.name))
        )
    return row


def _find_by_prefix(session: Session, prefix: str) -> list[CertificateRow]:
    if not prefix:
        return []
    begins = col(CertificateRow.fingerprint).startswith(prefix, autoescape=True)
    return list(session.exec(select(CertificateRow).where(begins).limit(6)))
