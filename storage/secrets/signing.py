"""The key that signs this installation's reports (Ed25519); made when first needed, sealed."""

from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.database import Database
from storage.secrets.vault import Vault
from storage.statements import upsert
from storage.tables.evidence import SigningKeyRow

NAME = "reports"


def identity(name: str) -> str:
    """What the vault binds a signing key to."""
    return f"signing/{name}"


class Signing:
    """Signs with the one key of this database. Its public half is 64 hex digits."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def public(self) -> str:
        """The public key, for an auditor to keep beforehand."""
        return self._row().public

    def sign(self, data: bytes) -> bytes:
        """The signature of these bytes, 64 bytes."""
        row = self._row()
        private = Ed25519PrivateKey.from_private_bytes(
            self._vault.open(row.sealed, identity(row.name))
        )
        return private.sign(data)

    def _row(self) -> SigningKeyRow:
        with self._database.read() as session:
            found = session.get(SigningKeyRow, NAME)
        if found is not None:
            return found
        with self._database.write() as session:
            # Somebody else may make one at the same moment: the first one stays.
            upsert(session, SigningKeyRow, [self._made()], lambda new: {"name": new.name})
        return self._row()

    def _made(self) -> dict[str, Any]:
        private = Ed25519PrivateKey.generate()
        return {
            "name": NAME,
            "public": private.public_key().public_bytes_raw().hex(),
            "sealed": self._vault.seal(private.private_bytes_raw(), identity(NAME)),
            "created_at": datetime.now(UTC),
        }


def is_signed(data: bytes, signature: bytes, public: str) -> bool:
    """Whether `public` (hex) made this signature of these bytes; False also for no such key."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
