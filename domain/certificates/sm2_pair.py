"""Parses SM2 certificates, which come in pairs: one signs, the other encrypts; uploads call it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptography import x509

from domain.certificates import pem, validation
from domain.certificates.certificate import (
    DEFAULT_FILE_NAMES,
    Certificate,
    FileNames,
    Source,
    build_certificate,
    build_mismatch_error,
    check_leaf,
    check_name,
    drop_duplicates,
    read_input_certificates,
)
from domain.certificates.chain import find_leaf
from domain.certificates.keys import PrivateKey
from domain.certificates.sm2 import Sm2Key, is_sm2, read_public_point, read_sm2_key
from domain.certificates.validation import InputCertificate, describe_certificate
from domain.errors import BadInput

SWAP = "Give the one that signs by --certificate, the other by --encrypt-certificate."
ISSUED_TOGETHER = "Give the two certificates that were issued together."


class _Half(NamedTuple):
    leaf: InputCertificate
    given: list[InputCertificate]
    key: Sm2Key


def parse_sm2_pair(
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
    files: FileNames = DEFAULT_FILE_NAMES,
) -> tuple[Certificate, PrivateKey]:
    """An SM2 certificate and both its keys, from PEM or DER files; otherwise like `parse_pem`.

    The intermediates may be in `chain` or in either certificate's file.
    """
    check_name(name)
    sign_file = read_input_certificates(certificate, files.certificate)
    encrypt_file = read_input_certificates(encrypt_certificate, files.encrypt_certificate)
    above = read_input_certificates(chain, files.chain) if chain is not None else []
    trusted = pem.read_certificates(roots, files.roots) if roots is not None else []
    sign, encrypt = find_leaf(sign_file), find_leaf(encrypt_file)
    for leaf in (sign, encrypt):
        _check_kind(leaf)
        check_leaf(leaf, now)
    _check_pair(sign, encrypt)
    # Each half is checked with all certificates except the other half.
    given = drop_duplicates([*sign_file, *encrypt_file, *above])
    halves = [
        _build_half(sign, encrypt, given, key, files.key),
        _build_half(encrypt, sign, given, encrypt_key, files.encrypt_key),
    ]
    signing, encrypting = (
        build_certificate(name, half.leaf, half.given, trusted, now, source) for half in halves
    )
    pair = {
        "encrypt_pem": encrypting.leaf_pem,
        "encrypt_fingerprint": encrypting.fingerprint,
    }
    return signing.model_copy(update=pair), PrivateKey(b"".join(half.key.pem() for half in halves))


def _build_half(
    leaf: InputCertificate,
    other: InputCertificate,
    given: Sequence[InputCertificate],
    key: bytes,
    where: str,
) -> _Half:
    private = read_sm2_key(key, where)
    if private.point != read_public_point(leaf.certificate):
        raise build_mismatch_error(leaf, where)
    rest = [one for one in given if one.certificate not in (leaf.certificate, other.certificate)]
    find_leaf([leaf, *rest])  # refuses any further server certificate
    return _Half(leaf, [leaf, *rest], private)


def _check_kind(leaf: InputCertificate) -> None:
    if not is_sm2(leaf.certificate):
        raise BadInput(
            f"{describe_certificate(leaf.certificate)} is not an SM2 certificate; only these come "
            "in pairs",
            where=leaf.where,
            fix="Leave --encrypt-certificate and --encrypt-key out.",
            code="not-an-sm2-certificate",
        )


def _check_pair(sign: InputCertificate, encrypt: InputCertificate) -> None:
    signing, encrypting = map(describe_certificate, (sign.certificate, encrypt.certificate))
    if sign.certificate == encrypt.certificate:
        raise BadInput(
            f"{signing} is given as both halves of the pair",
            where=encrypt.where,
            fix=SWAP,
            code="same-certificate-twice",
        )
    _check_uses(sign, encrypt)
    if _list_names(sign) != _list_names(encrypt):
        raise BadInput(
            f"{encrypting} is for other names than {signing}: {_format_names(encrypt)} instead of "
            f"{_format_names(sign)}",
            where=encrypt.where,
            fix=ISSUED_TOGETHER,
            code="pair-names-differ",
        )
    issuers = sign.certificate.issuer, encrypt.certificate.issuer
    if issuers[0] != issuers[1]:
        first, second = map(validation.format_name, issuers)
        raise BadInput(
            f"{encrypting} was issued by {second!r}, the certificate that signs by {first!r}",
            where=encrypt.where,
            fix=ISSUED_TOGETHER,
            code="pair-issuers-differ",
        )


def _check_uses(sign: InputCertificate, encrypt: InputCertificate) -> None:
    """Check the key usages; a certificate without this extension may do both."""
    usage = _get_usage(sign)
    if usage is not None and not usage.digital_signature:
        raise _build_usage_error(sign, "sign", "may-not-sign")
    usage = _get_usage(encrypt)
    if usage and not (usage.key_encipherment or usage.data_encipherment or usage.key_agreement):
        raise _build_usage_error(encrypt, "encrypt", "may-not-encrypt")


def _build_usage_error(half: InputCertificate, verb: str, code: str) -> BadInput:
    return BadInput(
        f"{describe_certificate(half.certificate)} may not {verb}: its key usage forbids it",
        where=half.where,
        fix=SWAP,
        code=code,
    )


def _get_usage(half: InputCertificate) -> x509.KeyUsage | None:
    values = (each.value for each in half.certificate.extensions)
    return next((value for value in values if isinstance(value, x509.KeyUsage)), None)


def _list_names(half: InputCertificate) -> set[str]:
    certificate = half.certificate
    return {*validation.list_dns_names(certificate), *validation.list_ip_addresses(certificate)}


def _format_names(half: InputCertificate) -> str:
    return ", ".join(sorted(_list_names(half)))
