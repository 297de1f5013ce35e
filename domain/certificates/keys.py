"""Reads and checks private keys, and keeps them out of logs, dumps and payloads."""

from enum import StrEnum
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from domain.certificates.pem import COPY_AGAIN, PemBlock, is_der, read_blocks
from domain.errors import BadInput

RSA_BITS = range(2048, 8192 + 1)
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
SM2_CURVE = "1.2.156.10197.1.301"
END = b"-----END PRIVATE KEY-----\n"


class Algorithm(StrEnum):
    """The kind of a certificate's key."""

    RSA = "rsa"
    EC = "ec"
    SM2 = "sm2"


class PrivateKey:
    """A private key that no log line, dump, pickle or payload can show.

    It is not a pydantic model, so that nothing serializes it by accident.
    """

    __slots__ = ("_pem",)

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    def pem(self) -> bytes:
        """Unencrypted PKCS#8 ("BEGIN PRIVATE KEY"); of an SM2 pair both keys, the signing first."""
        return self._pem

    def split_pair(self) -> tuple[bytes, bytes]:
        """The signing key and the decryption key of an SM2 certificate, each as PKCS#8."""
        first, end, second = self._pem.partition(END)
        return first + end, second

    def traditional_pem(self) -> bytes:
        """The older form, unencrypted: PKCS#1 for RSA, SEC1 for EC."""
        key = load_pem_private_key(self._pem, None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    def __repr__(self) -> str:
        return "PrivateKey(hidden)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a private key is neither pickled nor copied")


def to_private_key(key: PrivateKeyTypes) -> PrivateKey:
    """The key as a value that can be passed on safely."""
    return PrivateKey(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_key(data: bytes, passphrase: str | None, where: str) -> PrivateKeyTypes:
    """The only private key of a PEM or DER file; certificates beside it are skipped.

    A passphrase for a key that is not encrypted is ignored. Raises BadInput, which never holds any
    part of the file.
    """
    if is_der(data):
        return _load(data, passphrase, where)
    return _load(find_key_block(data, where).pem, passphrase, where)


def find_key_block(data: bytes, where: str) -> PemBlock:
    """The only private key of a PEM file; raises BadInput for none or several."""
    found = [block for block in read_blocks(data, where) if block.is_key]
    if not found:
        raise BadInput(
            "holds no private key",
            where=where,
            fix="Give a file with 'PRIVATE KEY' in it.",
            code="no-private-key",
        )
    if len(found) > 1:
        lines = ", ".join(str(block.line) for block in found)
        raise BadInput(
            f"holds {len(found)} private keys, on lines {lines}",
            where=where,
            fix="Leave only the one that belongs to the certificate.",
            code="several-private-keys",
        )
    return found[0]


def _load(data: bytes, passphrase: str | None, where: str) -> PrivateKeyTypes:
    load = load_der_private_key if is_der(data) else load_pem_private_key
    password = passphrase.encode() if passphrase else None
    try:
        return load(data, password)
    except TypeError:
        pass  # the passphrase is missing, or was given for a key without one
    except UnsupportedAlgorithm as unsupported:
        raise build_unsupported_error(unsupported, where) from None
    except ValueError:
        raise _build_unreadable_error(password, where) from None
    if password is None:
        raise BadInput(
            "the private key is encrypted",
            where=where,
            fix="Give its passphrase as well.",
            code="passphrase-required",
        )
    return _load(data, None, where)


def build_unsupported_error(error: UnsupportedAlgorithm, where: str) -> BadInput:
    """The refusal of a key, certificate or encryption of a kind that is not supported."""
    if SM2_CURVE in str(error):
        return build_sm2_pair_error(where)
    return BadInput(
        "made with an algorithm that is not supported",
        where=where,
        fix="Give an RSA or EC (P-256, P-384, P-521) key, encrypted with AES or not at all.",
        code="unsupported-algorithm",
    )


def build_sm2_pair_error(where: str) -> BadInput:
    """The refusal of one half of an SM2 pair where a single certificate is expected."""
    return BadInput(
        "made for SM2, whose certificates come in pairs",
        where=where,
        fix="Upload both as PEM or DER: --certificate and --key are those that sign, "
        "--encrypt-certificate and --encrypt-key the others.",
        code="sm2-pair-required",
    )


def _build_unreadable_error(password: bytes | None, where: str) -> BadInput:
    if password is None:
        return BadInput(
            "the private key is damaged", where=where, fix=COPY_AGAIN, code="damaged-key"
        )
    return BadInput(
        "the private key does not open: the passphrase is wrong, or the file is damaged",
        where=where,
        fix="Check the passphrase.",
        code="wrong-passphrase",
    )


def check_key_strength(public: PublicKeyTypes, whose: str, where: str) -> tuple[Algorithm, int]:
    """The algorithm and the bits of a key; raises BadInput if it is weak or unsupported.

    `whose` names the certificate in the message.
    """
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size not in RSA_BITS:
            raise BadInput(
                f"{whose} has an RSA key of {public.key_size} bits",
                where=where,
                fix=f"Only {RSA_BITS.start} to {RSA_BITS.stop - 1} bits are accepted.",
                code="unsupported-key-size",
            )
        return Algorithm.RSA, public.key_size
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES:
        return Algorithm.EC, public.key_size
    kind = type(public).__name__.removesuffix("PublicKey")
    if isinstance(public, ec.EllipticCurvePublicKey):
        kind = public.curve.name
    raise BadInput(
        f"{whose} has a key of the kind {kind}, which browsers and clouds do not accept",
        where=where,
        fix=f"Use RSA of {RSA_BITS.start} bits or more, or EC on {', '.join(CURVES.values())}.",
        code="unsupported-key-kind",
    )
