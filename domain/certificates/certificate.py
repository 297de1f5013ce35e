"""The certificate with all its facts, and how it is parsed from uploaded files."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha1
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import AwareDatetime

from domain.certificates import pem, validation
from domain.certificates.chain import build_chain, find_leaf
from domain.certificates.keys import (
    Algorithm,
    PrivateKey,
    build_sm2_pair_error,
    read_key,
    to_private_key,
)
from domain.certificates.pfx import read_pfx
from domain.certificates.sm2 import is_sm2
from domain.certificates.validation import InputCertificate
from domain.errors import BadInput
from domain.model import Value

__all__ = [
    "Algorithm",
    "Certificate",
    "FileNames",
    "PrivateKey",
    "Source",
    "check_name",
    "parse_pem",
    "parse_pfx",
]

LONGEST_NAME = 63  # what the clouds' certificate stores take
CHINESE = ("CJK ", "KANGXI ", "IDEOGRAPHIC ", "BOPOMOFO ")
END = "-----END CERTIFICATE-----\n"


class Source(StrEnum):
    """Bought from the provider, uploaded by the user, or shared by another account."""

    OFFICIAL = "official"
    UPLOADED = "uploaded"
    SHARED = "shared"


class Certificate(Value):
    """A leaf with its chain; its private key is stored elsewhere.

    `fingerprint` and `sha1` are digests of the leaf's DER in lower-case hex without colons. `name`
    is chosen by the user. `names` are DNS names as A-labels in lower case, `addresses` IP
    addresses. `serial` is lower-case hex without leading zeros. `issuer` and `subject` are RFC 4514
    text. Times are UTC.

    `chain_pem` holds the leaf, then the intermediates, and no root unless the leaf is its own; with
    LF line ends and no blank lines. An SM2 certificate is a pair: the fields describe the signing
    certificate. `encrypt_pem` is the other one, with its own `encrypt_fingerprint` and the same
    chain.
    """

    fingerprint: str
    sha1: str
    name: str
    names: tuple[str, ...]
    addresses: tuple[str, ...] = ()
    algorithm: Algorithm
    key_bits: int
    serial: str
    issuer: str
    subject: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    source: Source = Source.UPLOADED
    chain_pem: str
    encrypt_pem: str | None = None
    encrypt_fingerprint: str | None = None

    @property
    def leaf_pem(self) -> str:
        """The leaf without its chain."""
        return self.chain_pem.partition(END)[0] + END

    @property
    def short_fingerprint(self) -> str:
        """The first 12 digits, enough for a person to tell certificates apart."""
        return self.fingerprint[:12]


class FileNames(NamedTuple):
    """The names of the uploaded files in messages, such as their paths."""

    certificate: str = "certificate file"
    chain: str = "chain file"
    key: str = "key file"
    roots: str = "roots file"
    encrypt_certificate: str = "encryption certificate file"
    encrypt_key: str = "encryption key file"


DEFAULT_FILE_NAMES = FileNames()


def check_name(name: str) -> str:
    """Return the name if every provider's store accepts it; raises BadInput if not."""
    if not name:
        raise _build_name_error("the name is empty")
    if len(name) > LONGEST_NAME:
        raise _build_name_error(f"the name has {len(name)} characters, too long")
    if name != name.strip():
        raise _build_name_error(f"the name {name!r} begins or ends with a space")
    for character in name:
        kind = unicodedata.name(character, "")
        if kind.startswith(CHINESE):
            raise _build_name_error(f"the name {name!r} has the Chinese character {character!r}")
        if not character.isprintable():
            raise _build_name_error(
                f"the name {name!r} has the unprintable character {character!a}"
            )
    return name


def _build_name_error(what: str) -> BadInput:
    fix = f"Use 1 to {LONGEST_NAME} characters, none of them Chinese."
    return BadInput(what, fix=fix, code="invalid-certificate-name")


def parse_pem(
    name: str,
    *,
    certificate: bytes,
    key: bytes,
    chain: bytes | None = None,
    passphrase: str | None = None,
    now: datetime,
    source: Source = Source.UPLOADED,
    roots: bytes | None = None,
    files: FileNames = DEFAULT_FILE_NAMES,
) -> tuple[Certificate, PrivateKey]:
    """The certificate and the key from PEM or DER files.

    One file may hold the certificate, the chain and the key. With `roots` the chain must end at one
    of those certificates. Raises BadInput, which names the file and never holds key material.
    """
    check_name(name)
    given = read_input_certificates(certificate, files.certificate)
    given += read_input_certificates(chain, files.chain) if chain is not None else []
    given = drop_duplicates(given)
    trusted = pem.read_certificates(roots, files.roots) if roots is not None else []
    leaf = _find_checked_leaf(given, now)
    private = read_key(key, passphrase, files.key)
    _check_match(leaf, private, files.key)
    return build_certificate(name, leaf, given, trusted, now, source), to_private_key(private)


def parse_pfx(
    name: str,
    *,
    data: bytes,
    passphrase: str | None = None,
    now: datetime,
    source: Source = Source.UPLOADED,
    roots: bytes | None = None,
    label: str = "PFX file",
) -> tuple[Certificate, PrivateKey]:
    """The certificate and the key from one PFX (PKCS#12) file; otherwise like `parse_pem`."""
    check_name(name)
    private, certificates = read_pfx(data, passphrase, label)
    given = drop_duplicates([InputCertificate(one, label) for one in certificates])
    trusted = pem.read_certificates(roots, DEFAULT_FILE_NAMES.roots) if roots is not None else []
    leaf = _find_checked_leaf(given, now)
    _check_match(leaf, private, label)
    return build_certificate(name, leaf, given, trusted, now, source), to_private_key(private)


def read_input_certificates(data: bytes, where: str) -> list[InputCertificate]:
    """All certificates of a file, at least one."""
    return [
        InputCertificate(certificate, where) for certificate in pem.read_certificates(data, where)
    ]


def drop_duplicates(given: Sequence[InputCertificate]) -> list[InputCertificate]:
    """Each certificate once, even if it is in several files or twice in one."""
    return list({one.certificate: one for one in reversed(given)}.values())[::-1]


def _find_checked_leaf(given: Sequence[InputCertificate], now: datetime) -> InputCertificate:
    leaf = find_leaf(given)
    if is_sm2(leaf.certificate):
        raise build_sm2_pair_error(leaf.where)
    check_leaf(leaf, now)
    return leaf


def check_leaf(leaf: InputCertificate, now: datetime) -> None:
    """Raise BadInput if the leaf is not valid now, weak, or not for servers."""
    validation.check_time(leaf, now)
    validation.check_strength(leaf)
    validation.check_purpose(leaf)


def _check_match(leaf: InputCertificate, private: PrivateKeyTypes, where: str) -> None:
    if validation.read_public_key(leaf) != private.public_key():
        raise build_mismatch_error(leaf, where)


def build_mismatch_error(leaf: InputCertificate, where: str) -> BadInput:
    """The refusal of a key that belongs to another certificate."""
    return BadInput(
        f"the private key does not match {validation.describe_certificate(leaf.certificate)}",
        where=where,
        fix="Give the key with which this certificate was requested.",
        code="key-mismatch",
    )


def build_certificate(
    name: str,
    leaf: InputCertificate,
    given: Sequence[InputCertificate],
    trusted: Sequence[x509.Certificate],
    now: datetime,
    source: Source,
) -> Certificate:
    """All facts of a checked leaf, with its chain in order."""
    own = leaf.certificate
    algorithm, bits = validation.check_strength(leaf)
    return Certificate(
        fingerprint=own.fingerprint(hashes.SHA256()).hex(),
        # Not for security: some stores list certificates by this fingerprint.
        sha1=sha1(own.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest(),
        name=name,
        names=validation.list_dns_names(own),
        addresses=validation.list_ip_addresses(own),
        algorithm=algorithm,
        key_bits=bits,
        serial=f"{own.serial_number:x}",
        issuer=validation.format_name(own.issuer),
        subject=validation.format_name(own.subject),
        not_before=own.not_valid_before_utc,
        not_after=own.not_valid_after_utc,
        source=source,
        chain_pem=pem.to_pem(build_chain(leaf, given, now, trusted)),
    )
