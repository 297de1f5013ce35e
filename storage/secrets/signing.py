"""Signs reports with the Ed25519 key of this database, created on first use and sealed."""

from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.database import Database
from storage.secrets.vault import Vault
from storage.statements import upsert
from storage.tables.evidence import SigningKeyRow

NAME = "reports"


def to_vault_identity(name: str) -> str:
    """The identity under which the vault seals a signing key."""
    return f"signing/{name}"


class ReportSigner:
    """Signs with the one key of this database. Its public key is 64 hex digits."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    def get_public_key(self) -> str:
        """The public key, which an auditor needs to verify reports."""
        return self._get_row().public

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, 64 bytes."""
        row = self._get_row()
        private = Ed25519PrivateKey.from_private_bytes(
            self._vault.open(row.sealed, to_vault_identity(row.name))
        )
        return private.sign(data)

    def _get_row(self) -> SigningKeyRow:
        with self._database.read() as session:
            found = session.get(SigningKeyRow, NAME)
        if found is not None:
            return found
        with self._database.write() as session:
            # Another process may create a key at the same time: the first one stays.
            upsert(session, SigningKeyRow, [self._generate()], lambda new: {"name": new.name})
        return self._get_row()

    def _generate(self) -> dict[str, Any]:
        private = Ed25519PrivateKey.generate()
        return {
            "name": NAME,
            "public": private.public_key().public_bytes_raw().hex(),
            "sealed": self._vault.seal(private.private_bytes_raw(), to_vault_identity(NAME)),
            "created_at": datetime.now(UTC),
        }


def is_valid_signature(data: bytes, signature: bytes, public: str) -> bool:
    """Whether the key `public` (hex) made this signature; False also if it is not a key."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
