"""SM2 certificates come in pairs for the same names: one signs, the other encrypts."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptography import x509

from domain.certificates import pem, validation
from domain.certificates.certificate import (
    FILES,
    Certificate,
    Files,
    Source,
    assemble,
    check_leaf,
    check_name,
    each_once,
    given_in,
    mismatch,
)
from domain.certificates.chain import find_leaf
from domain.certificates.keys import PrivateKey
from domain.certificates.sm2 import Sm2Key, is_sm2, point_of, read_sm2_key
from domain.certificates.validation import Given, title
from domain.errors import BadInput

SWAP = "Give the one that signs by --certificate, the other by --encrypt-certificate."


class _Half(NamedTuple):
    leaf: Given
    given: list[Given]
    key: Sm2Key


def parse_pair(
    name: str,
    *,
    certificate: bytes,
    key: bytes,
    encrypt_certificate: bytes,
    encrypt_key: bytes,
    chain: bytes | None = None,
    now: datetime,
    source: Source = Source.UPLOADED,
    roots: bytes | None = None,
    files: Files = FILES,
) -> tuple[Certificate, PrivateKey]:
    """An SM2 certificate and both its keys, from PEM or DER files; otherwise as `parse_pem`.

    The intermediates may be in `chain` or beside either certificate.
    """
    check_name(name)
    sign_file = given_in(certificate, files.certificate)
    encrypt_file = given_in(encrypt_certificate, files.encrypt_certificate)
    above = given_in(chain, files.chain) if chain is not None else []
    trusted = pem.certificates(roots, files.roots) if roots is not None else []
    sign, encrypt = find_leaf(sign_file), find_leaf(encrypt_file)
    for leaf in (sign, encrypt):
        _check_kind(leaf)
        check_leaf(leaf, now)
    _check_pair(sign, encrypt)
    # Each half is checked with all that was given, but the other half.
    given = each_once([*sign_file, *encrypt_file, *above])
    halves = [
        _half(sign, encrypt, given, key, files.key),
        _half(encrypt, sign, given, encrypt_key, files.encrypt_key),
    ]
    made, other = (assemble(name, half.leaf, half.given, trusted, now, source) for half in halves)
    pair = {"encrypt_pem": other.leaf_pem, "encrypt_fingerprint": other.fingerprint}
    return made.model_copy(update=pair), PrivateKey(b"".join(half.key.pem() for half in halves))


def _half(leaf: Given, other: Given, given: Sequence[Given], key: bytes, where: str) -> _Half:
    private = read_sm2_key(key, where)
    if private.point != point_of(leaf.certificate):
        raise mismatch(leaf, where)
    rest = [one for one in given if one.certificate not in (leaf.certificate, other.certificate)]
    find_leaf([leaf, *rest])  # refuses what is neither half and no authority either
    return _Half(leaf, [leaf, *rest], private)


def _check_kind(leaf: Given) -> None:
    if not is_sm2(leaf.certificate):
        raise BadInput(
            f"{title(leaf.certificate)} is not of SM2, and only SM2 certificates come in pairs",
            where=leaf.where,
            fix="Leave --encrypt-certificate and --encrypt-key out.",
        )


def _check_pair(sign: Given, encrypt: Given) -> None:
    if sign.certificate == encrypt.certificate:
        raise BadInput(
            f"{title(sign.certificate)} is given as both halves of the pair",
            where=encrypt.where,
            fix=SWAP,
        )
    _check_uses(sign, encrypt)
    if _names(sign) != _names(encrypt):
        raise BadInput(
            f"{title(encrypt.certificate)} is for other names than {title(sign.certificate)}: "
            f"{', '.join(sorted(_names(encrypt)))} instead of {', '.join(sorted(_names(sign)))}",
            where=encrypt.where,
            fix="Give the two certificates that were issued together.",
        )
    if sign.certificate.issuer != encrypt.certificate.issuer:
        raise BadInput(
            f"{title(encrypt.certificate)} was issued by "
            f"{validation.text(encrypt.certificate.issuer)!r}, the certificate that signs by "
            f"{validation.text(sign.certificate.issuer)!r}",
            where=encrypt.where,
            fix="Give the two certificates that were issued together.",
        )


def _check_uses(sign: Given, encrypt: Given) -> None:
    """A certificate that does not say what its key may do may do everything."""
    usage = _usage(sign)
    if usage is not None and not usage.digital_signature:
        raise BadInput(
            f"{title(sign.certificate)} may not sign: its key usage forbids it",
            where=sign.where,
            fix=SWAP,
        )
    usage = _usage(encrypt)
    if usage and not (usage.key_encipherment or usage.data_encipherment or usage.key_agreement):
        raise BadInput(
            f"{title(encrypt.certificate)} may not encrypt: its key usage forbids it",
            where=encrypt.where,
            fix=SWAP,
        )


def _usage(given: Given) -> x509.KeyUsage | None:
    held = (each.value for each in given.certificate.extensions)
    return next((value for value in held if isinstance(value, x509.KeyUsage)), None)


def _names(given: Given) -> set[str]:
    return {*validation.names_of(given.certificate), *validation.addresses_of(given.certificate)}
