"""Certificates and their sealed keys."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select, update

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.certificates.renewal import Policy, Standing
from domain.errors import BadInput
from storage.database import Database
from storage.lookup import ambiguous, unknown
from storage.secrets.vault import Vault
from storage.tables.core import CertificateRow, ResourceRow, TaskRow
from storage.tasks.open_tasks import refuse_while_open, that_deploy

ALONE = Standing()


def identity(fingerprint: str) -> str:
    """What the vault binds a key to."""
    return f"certificate/{fingerprint}"


class Certificates:
    """The uploaded certificates, by name and by fingerprint."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def add(self, certificate: Certificate, key: PrivateKey, standing: Standing = ALONE) -> None:
        """Stores both, the key sealed.

        `BadInput` if the name or the fingerprint is taken, or if something else follows already
        what this one shall follow.
        """
        row = CertificateRow(
            fingerprint=certificate.fingerprint,
            name=certificate.name,
            not_after=certificate.not_after,
            document=certificate.model_dump(mode="json"),
            sealed=self._vault.seal(key.pem(), identity(certificate.fingerprint)),
            added_at=datetime.now(UTC),
            **_columns(standing),
        )
        try:
            with self._database.write() as session:
                _check_free(session, certificate.fingerprint, standing.replaces)
                session.add(row)
        except IntegrityError:
            raise self._taken(certificate) from None

    def is_here(self, fingerprint: str) -> bool:
        """Whether there is one of this fingerprint; a plan asks it of each of many resources."""
        own = col(CertificateRow.fingerprint)
        with self._database.read() as session:
            return session.exec(select(own).where(own == fingerprint)).first() is not None

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

    def held(self, fingerprint: str) -> Certificate | None:
        """The one of exactly this fingerprint, if it is stored."""
        with self._database.read() as session:
            row = session.get(CertificateRow, fingerprint)
            return None if row is None else _certificate(row)

    def standing(self, fingerprint: str) -> Standing:
        """What it follows and its policy; `BadInput` if there is no such certificate."""
        with self._database.read() as session:
            row = _row(session, fingerprint)
            return Standing(replaces=row.replaces, policy=_policy(row.policy))

    def standings(self) -> dict[str, Standing]:
        """That of each certificate, by fingerprint."""
        columns = select(CertificateRow.fingerprint, CertificateRow.replaces, CertificateRow.policy)
        with self._database.read() as session:
            return {
                fingerprint: Standing(replaces=replaces, policy=_policy(policy))
                for fingerprint, replaces, policy in session.exec(columns)
            }

    def stand(self, fingerprint: str, standing: Standing) -> None:
        """Gives it another standing; `BadInput` as `add`."""
        with self._database.write() as session:
            _row(session, fingerprint)
            _check_free(session, fingerprint, standing.replaces)
            change = update(CertificateRow).where(col(CertificateRow.fingerprint) == fingerprint)
            session.exec(change.values(**_columns(standing)))

    def links(self) -> dict[str, str]:
        """Which certificate follows which, by fingerprint; the former may be deleted by now."""
        columns = select(CertificateRow.fingerprint, CertificateRow.replaces)
        with self._database.read() as session:
            rows = session.exec(columns.where(col(CertificateRow.replaces).is_not(None)))
            return {new: old for new, old in rows if old is not None}

    def tasks(self, fingerprint: str) -> tuple[str, ...]:
        """Ids of all tasks that deploy it, deleted ones too, oldest first."""
        query = select(TaskRow.id).where(that_deploy(fingerprint))
        with self._database.read() as session:
            return tuple(session.exec(query.order_by(col(TaskRow.created_at), col(TaskRow.id))))

    def served(self, fingerprints: Sequence[str]) -> int:
        """How many resources serve one of these, as of the last sync."""
        serving = col(ResourceRow.serves).in_(fingerprints)
        query = select(func.count()).where(serving, col(ResourceRow.vanished_at).is_(None))
        with self._database.read() as session:
            return session.exec(query).one()

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


def _columns(standing: Standing) -> dict[str, Any]:
    return {"replaces": standing.replaces, "policy": standing.policy.model_dump(mode="json")}


def _policy(stored: Mapping[str, Any] | None) -> Policy:
    return Policy() if stored is None else Policy.model_validate(stored)


def _check_free(session: Session, fingerprint: str, replaces: str | None) -> None:
    """One certificate has one successor: two of them would be deployed against each other."""
    if replaces is None:
        return
    # Whoever else wants to follow it waits here.
    former = select(CertificateRow).where(col(CertificateRow.fingerprint) == replaces)
    name = old.name if (old := session.exec(former.with_for_update()).first()) else replaces[:12]
    follows = select(CertificateRow).where(
        col(CertificateRow.replaces) == replaces, col(CertificateRow.fingerprint) != fingerprint
    )
    if other := session.exec(follows).first():
        raise BadInput(
            f"{name!r} has a successor already: {other.name!r}",
            where="--replaces",
            fix=f"Name {other.name!r} as the one to be replaced.",
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
