"""The vault: seals secrets so that the database alone tells nothing of them.

Each record has a data key of its own (AES-256-GCM), wrapped by a key-encryption key (KEK). One
blob holds, in this order:

    version  1 byte, 0x01
    length   1 byte, of the KEK's id
    KEK id   ASCII
    nonce    12 bytes, of the wrapping
    data key 48 bytes, wrapped
    nonce    12 bytes, of the secret
    secret   encrypted, with its tag

What the record is (its identity) is authenticated with both, so that a blob moved to another row
does not open there. Rotation wraps only the data key anew; the secret is never decrypted for it.
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
    """A sealed record cannot be opened; says why and never what is in it."""


class _Parts(NamedTuple):
    kek_id: str
    wrapped: bytes
    sealed: bytes


class Vault:
    """Seals and opens; may be shared between threads."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def seal(self, secret: bytes, identity: str) -> bytes:
        """A blob that opens only under the same identity."""
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        nonce = os.urandom(_NONCE)
        sealed = nonce + AESGCM(data_key).encrypt(nonce, secret, _bound("secret", identity))
        return self._assemble(data_key, sealed, identity)

    def open(self, blob: bytes, identity: str) -> bytes:
        """The secret; a missing KEK, another identity or damage raise `VaultError`."""
        parts = _split(blob, identity)
        data_key = self._unwrap(parts, identity)
        return _decrypt(data_key, parts.sealed, "secret", identity)

    def kek_id(self, blob: bytes) -> str:
        """The id of the KEK that this blob needs."""
        return _split(blob, "this row").kek_id

    def rewrap(self, blob: bytes, identity: str) -> bytes:
        """The same secret under the current KEK."""
        parts = _split(blob, identity)
        return self._assemble(self._unwrap(parts, identity), parts.sealed, identity)

    def _assemble(self, data_key: bytes, sealed: bytes, identity: str) -> bytes:
        kek_id = self.keyring.current
        nonce = os.urandom(_NONCE)
        wrapped = AESGCM(self._kek(kek_id, identity)).encrypt(
            nonce, data_key, _bound(f"key {kek_id}", identity)
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
                f"{identity} is sealed with the key {kek_id}, which is not among those given "
                f"({', '.join(self.keyring.ids)}). Restore it in CERTROLL_KEK or the key file."
            )
        return key


def _bound(part: str, identity: str) -> bytes:
    """What is authenticated beside the ciphertext: which part of which record it is."""
    return f"certroll {_VERSION}\0{part}\0{identity}".encode()


def _split(blob: bytes, identity: str) -> _Parts:
    if len(blob) < 2 or blob[0] != _VERSION:
        raise VaultError(_DAMAGED.format(identity))
    start = 2 + blob[1]
    middle = start + _WRAPPED
    if len(blob) < middle + _NONCE + _TAG or not blob[2:start].isascii():
        raise VaultError(_DAMAGED.format(identity))
    return _Parts(blob[2:start].decode("ascii"), blob[start:middle], blob[middle:])


def _decrypt(key: bytes, sealed: bytes, part: str, identity: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(part, identity))
    except InvalidTag:
        raise VaultError(
            f"{_DAMAGED.format(identity)}, belongs to another record, "
            "or was sealed with another key of the same id"
        ) from None
