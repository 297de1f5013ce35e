"""Rotation: every sealed row is brought under the current key-encryption key."""

from collections.abc import Callable

from sqlalchemy import select, update
from sqlmodel import Session, SQLModel

from storage import accounts, certificates, contacts, signing
from storage.evidence_tables import SigningKeyRow
from storage.statements import table
from storage.tables import AccountRow, CertificateRow, ContactRow
from storage.vault import Vault

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
