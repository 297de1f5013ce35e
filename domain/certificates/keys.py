"""Private keys: read, judged, and kept from every place where they could be seen."""

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

from domain.certificates.pem import Block, blocks, looks_binary
from domain.errors import BadInput

RSA_BITS = range(2048, 8192 + 1)
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
SM2_CURVE = "1.2.156.10197.1.301"
END = b"-----END PRIVATE KEY-----\n"


class Algorithm(StrEnum):
    """What a certificate's key is made for."""

    RSA = "rsa"
    EC = "ec"
    SM2 = "sm2"


class PrivateKey:
    """A private key that no log line, dump, pickle or payload can show.

    `pem` is unencrypted PKCS#8; for an SM2 certificate two of them, first the key that signs.
    Not a pydantic model, so that nothing serialises it by accident.
    """

    __slots__ = ("_pem",)

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    def pem(self) -> bytes:
        """PKCS#8, unencrypted: "BEGIN PRIVATE KEY". Both keys where there is a pair."""
        return self._pem

    def pair(self) -> tuple[bytes, bytes]:
        """Of an SM2 certificate: the key that signs and the one that decrypts, each as `pem`."""
        first, end, second = self._pem.partition(END)
        return first + end, second

    def traditional_pem(self) -> bytes:
        """The older form of the algorithm, unencrypted: PKCS#1 for RSA, SEC1 for EC."""
        key = load_pem_private_key(self._pem, None)
        return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    def __repr__(self) -> str:
        return "PrivateKey(hidden)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a private key is neither pickled nor copied")


def hide(key: PrivateKeyTypes) -> PrivateKey:
    """The key in the form in which the house passes it on."""
    return PrivateKey(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_key(data: bytes, passphrase: str | None, where: str) -> PrivateKeyTypes:
    """The one private key of a PEM or DER file; certificates beside it are skipped.

    A passphrase for a key that is not encrypted is ignored. Raises BadInput, whose text and
    causes never hold any part of the file.
    """
    if looks_binary(data):
        return _load(data, passphrase, where)
    return _load(only_key(data, where).armoured, passphrase, where)


def only_key(data: bytes, where: str) -> Block:
    """The one private key of a PEM file, as it stands there; BadInput for none or several."""
    found = [block for block in blocks(data, where) if block.is_key]
    if not found:
        raise BadInput(
            "holds no private key", where=where, fix="Give a file with 'PRIVATE KEY' in it."
        )
    if len(found) > 1:
        lines = ", ".join(str(block.line) for block in found)
        raise BadInput(
            f"holds {len(found)} private keys, on lines {lines}",
            where=where,
            fix="Leave only the one that belongs to the certificate.",
        )
    return found[0]


def _load(data: bytes, passphrase: str | None, where: str) -> PrivateKeyTypes:
    load = load_der_private_key if looks_binary(data) else load_pem_private_key
    password = passphrase.encode() if passphrase else None
    try:
        return load(data, password)
    except TypeError:
        pass  # a passphrase is missing, or was given for a key without one
    except UnsupportedAlgorithm as unsupported:
        raise unsupported_key(unsupported, where) from None
    except ValueError:
        raise _unreadable(password, where) from None
    if password is None:
        raise BadInput(
            "the private key is encrypted", where=where, fix="Give its passphrase as well."
        )
    return _load(data, None, where)


def unsupported_key(error: UnsupportedAlgorithm, where: str) -> BadInput:
    """The refusal of a key, certificate or encryption that is of a kind not taken."""
    if SM2_CURVE in str(error):
        return lone_sm2(where)
    return BadInput(
        "made with an algorithm that is not supported",
        where=where,
        fix="Give an RSA or EC (P-256, P-384, P-521) key, encrypted with AES or not at all.",
    )


def lone_sm2(where: str) -> BadInput:
    """The refusal of one half of a pair, or of a pair where none is expected."""
    return BadInput(
        "made for SM2, whose certificates come in pairs",
        where=where,
        fix="Upload both as PEM or DER: --certificate and --key are those that sign, "
        "--encrypt-certificate and --encrypt-key the others.",
    )


def _unreadable(password: bytes | None, where: str) -> BadInput:
    if password is None:
        return BadInput("the private key is damaged", where=where, fix="Copy the whole file again.")
    return BadInput(
        "the private key does not open: the passphrase is wrong, or the file is damaged",
        where=where,
        fix="Check the passphrase.",
    )


def measure(public: PublicKeyTypes, whose: str, where: str) -> tuple[Algorithm, int]:
    """Algorithm and bits of a key that is strong enough; `whose` names the certificate."""
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size not in RSA_BITS:
            raise BadInput(
                f"{whose} has an RSA key of {public.key_size} bits",
                where=where,
                fix=f"Only {RSA_BITS.start} to {RSA_BITS.stop - 1} bits are accepted.",
            )
        return Algorithm.RSA, public.key_size
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES:
        return Algorithm.EC, public.key_size
    kind = type(public).__name__.removesuffix("PublicKey")
    if isinstance(public, ec.EllipticCurvePublicKey):
        kind = public.curve.name
    raise BadInput(
        f"{whose} has a key of the kind {kind}, which browsers and clouds do not take",
        where=where,
        fix=f"Use RSA of {RSA_BITS.start} bits or more, or EC on {', '.join(CURVES.values())}.",
    )
