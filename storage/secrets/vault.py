"""Encrypts secrets, so that the database alone does not reveal them. The stores call it.

Each record has its own data key (AES-256-GCM), wrapped by a key-encryption key (KEK). One blob
consists of, in this order:

    version  1 byte, 0x01
    length   1 byte, of the KEK's id
    KEK id   ASCII
    nonce    12 bytes, of the wrapping
    data key 48 bytes, wrapped
    nonce    12 bytes, of the secret
    secret   encrypted, with its tag

Both encryptions authenticate the identity of the record, so that a blob does not open in another
row. A rotation of keys wraps the data key anew; it never decrypts the secret.
"""

import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import CertrollError
from storage.secrets.keyring import KEY_BYTES, Keyring

__all__ = ["Keyring", "Vault", "VaultError"]

_VERSION = 1
_NONCE, _TAG = 12, 16
_WRAPPED = _NONCE + KEY_BYTES + _TAG
_DAMAGED = "the sealed record of {} is damaged"


class VaultError(CertrollError):
    """A sealed record cannot be opened. The message never contains the secret.

    `code` is "missing-kek" or "damaged-record".
    """

    def __init__(self, message: str, code: str = "damaged-record") -> None:
        self.code = code
        super().__init__(message)


class _Parts(NamedTuple):
    kek_id: str
    wrapped: bytes
    sealed: bytes


class Vault:
    """Seals and opens secrets. Threads may share it."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def seal(self, secret: bytes, identity: str) -> bytes:
        """Encrypts a secret; the blob opens only with the same identity."""
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        nonce = os.urandom(_NONCE)
        sealed = nonce + AESGCM(data_key).encrypt(
            nonce, secret, _build_associated_data("secret", identity)
        )
        return self._assemble(data_key, sealed, identity)

    def open(self, blob: bytes, identity: str) -> bytes:
        """Decrypts a secret; raises `VaultError` for a missing KEK, another identity or damage."""
        parts = _split(blob, identity)
        data_key = self._unwrap(parts, identity)
        return _decrypt(data_key, parts.sealed, "secret", identity)

    def kek_id(self, blob: bytes) -> str:
        """The id of the KEK that wraps this blob's data key."""
        return _split(blob, "this row").kek_id

    def rewrap(self, blob: bytes, identity: str) -> bytes:
        """The same secret with its data key wrapped by the current KEK."""
        parts = _split(blob, identity)
        return self._assemble(self._unwrap(parts, identity), parts.sealed, identity)

    def _assemble(self, data_key: bytes, sealed: bytes, identity: str) -> bytes:
        kek_id = self.keyring.current
        nonce = os.urandom(_NONCE)
        wrapped = AESGCM(self._kek(kek_id, identity)).encrypt(
            nonce, data_key, _build_associated_data(f"key {kek_id}", identity)
        )
        head = bytes([_VERSION, len(kek_id)]) + kek_id.encode("ascii")
        return head + nonce + wrapped + sealed

    def _unwrap(self, parts: _Parts, identity: str) -> bytes:
        kek = self._kek(parts.kek_id, identity)
        return _decrypt(kek, parts.wrapped, f"key {parts.kek_id}", identity)

    def _kek(self, kek_id: str, identity: str) -> bytes:
        key = self.keyring.find(kek_id)
        if key is None:
            raise VaultError(
                f"{identity} is sealed with the key {kek_id}, which is not in the keyring "
                f"({', '.join(self.keyring.ids)}). Restore it in CERTROLL_KEK or the key file.",
                code="missing-kek",
            )
        return key


def _build_associated_data(part: str, identity: str) -> bytes:
    """The associated data to authenticate: which part of which record the ciphertext is."""
    return f"certroll {_VERSION}\0{part}\0{identity}".encode()


def _split(blob: bytes, identity: str) -> _Parts:
    if len(blob) < 2 or blob[0] != _VERSION:
        raise VaultError(_DAMAGED.format(identity), code="damaged-record")
    start = 2 + blob[1]
    middle = start + _WRAPPED
    if len(blob) < middle + _NONCE + _TAG or not blob[2:start].isascii():
        raise VaultError(_DAMAGED.format(identity), code="damaged-record")
    return _Parts(blob[2:start].decode("ascii"), blob[start:middle], blob[middle:])


def _decrypt(key: bytes, sealed: bytes, part: str, identity: str) -> bytes:
    try:
        return AESGCM(key).decrypt(
            sealed[:_NONCE], sealed[_NONCE:], _build_associated_data(part, identity)
        )
    except InvalidTag:
        raise VaultError(
            f"{_DAMAGED.format(identity)}, belongs to another record, "
            "or was sealed with another key of the same id",
            code="damaged-record",
        ) from None
