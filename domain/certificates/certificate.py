"""A certificate as the house knows it, and how one is made from uploaded files."""

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
from domain.certificates.chain import find_leaf, in_order
from domain.certificates.keys import Algorithm, PrivateKey, hide, lone_sm2, read_key
from domain.certificates.pfx import open_pfx
from domain.certificates.sm2 import is_sm2
from domain.certificates.validation import Given
from domain.errors import BadInput
from domain.model import Value

__all__ = [
    "Algorithm",
    "Certificate",
    "Files",
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
    """Bought and issued, brought by the user, or shared by another account of the same owner."""

    OFFICIAL = "official"
    UPLOADED = "uploaded"
    SHARED = "shared"


class Certificate(Value):
    """A leaf with its chain; its private key lies elsewhere.

    `fingerprint` and `sha1` are digests of the leaf's DER, lower-case hex without colons; `name`
    is the user's; `names` are DNS names as A-labels in lower case, `addresses` IP addresses;
    `serial` is lower-case hex without leading zeros; `issuer` and `subject` are RFC 4514 text;
    times are UTC. `chain_pem` holds leaf first, then intermediates, no root unless the leaf is
    its own; LF, no blank lines. An SM2 certificate is a pair: all of this tells of the one that
    signs, and `encrypt_pem` is the other, with its own `encrypt_fingerprint` and the same chain.
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
        """The leaf alone."""
        return self.chain_pem.partition(END)[0] + END

    @property
    def short(self) -> str:
        """Enough of the fingerprint for a person to tell certificates apart."""
        return self.fingerprint[:12]


class Files(NamedTuple):
    """What messages call the files that were uploaded, e.g. their paths."""

    certificate: str = "certificate file"
    chain: str = "chain file"
    key: str = "key file"
    roots: str = "roots file"
    encrypt_certificate: str = "encryption certificate file"
    encrypt_key: str = "encryption key file"


FILES = Files()


def check_name(name: str) -> str:
    """The name, if every cloud's store takes it; raises BadInput saying which rule it breaks."""
    fix = f"Take 1 to {LONGEST_NAME} characters, none of them Chinese."
    if not name:
        raise BadInput("the name is empty", fix=fix)
    if len(name) > LONGEST_NAME:
        raise BadInput(f"the name has {len(name)} characters, too long", fix=fix)
    if name != name.strip():
        raise BadInput(f"the name {name!r} begins or ends with a space", fix=fix)
    for character in name:
        kind = unicodedata.name(character, "")
        if kind.startswith(CHINESE):
            raise BadInput(f"the name {name!r} has the Chinese character {character!r}", fix=fix)
        if not character.isprintable():
            raise BadInput(
                f"the name {name!r} has the unprintable character {character!a}", fix=fix
            )
    return name


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
    files: Files = FILES,
) -> tuple[Certificate, PrivateKey]:
    """Certificate and key from PEM (or DER) files; `chain` may be in the certificate's file.

    `key` may be that file too. With `roots` the chain must end at one of those certificates.
    Raises BadInput: what is wrong, in which of `files`, what to do. It never holds key material.
    """
    check_name(name)
    given = given_in(certificate, files.certificate)
    given += given_in(chain, files.chain) if chain is not None else []
    given = each_once(given)
    trusted = pem.certificates(roots, files.roots) if roots is not None else []
    leaf = _one_leaf(given, now)
    private = read_key(key, passphrase, files.key)
    _check_match(leaf, private, files.key)
    return assemble(name, leaf, given, trusted, now, source), hide(private)


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
    """Certificate and key from one PFX (PKCS#12) file; otherwise as `parse_pem`."""
    check_name(name)
    private, certificates = open_pfx(data, passphrase, label)
    given = each_once([Given(one, label) for one in certificates])
    trusted = pem.certificates(roots, FILES.roots) if roots is not None else []
    leaf = _one_leaf(given, now)
    _check_match(leaf, private, label)
    return assemble(name, leaf, given, trusted, now, source), hide(private)


def given_in(data: bytes, where: str) -> list[Given]:
    """Every certificate of a file, at least one."""
    return [Given(certificate, where) for certificate in pem.certificates(data, where)]


def each_once(given: Sequence[Given]) -> list[Given]:
    """A certificate that lies in both files, or twice in one, is given once."""
    return list({one.certificate: one for one in reversed(given)}.values())[::-1]


def _one_leaf(given: Sequence[Given], now: datetime) -> Given:
    leaf = find_leaf(given)
    if is_sm2(leaf.certificate):
        raise lone_sm2(leaf.where)
    check_leaf(leaf, now)
    return leaf


def check_leaf(leaf: Given, now: datetime) -> None:
    """Refuses what is not valid now, weak, or not for servers."""
    validation.check_time(leaf, now)
    validation.check_strength(leaf)
    validation.check_purpose(leaf)


def _check_match(leaf: Given, private: PrivateKeyTypes, where: str) -> None:
    if validation.public_key(leaf) != private.public_key():
        raise mismatch(leaf, where)


def mismatch(leaf: Given, where: str) -> BadInput:
    """The refusal of a key that belongs to another certificate."""
    return BadInput(
        f"the private key does not match {validation.title(leaf.certificate)}",
        where=where,
        fix="Give the key with which this certificate was requested.",
    )


def assemble(
    name: str,
    leaf: Given,
    given: Sequence[Given],
    trusted: Sequence[x509.Certificate],
    now: datetime,
    source: Source,
) -> Certificate:
    """All facts of a leaf that was checked, with its chain in order."""
    own = leaf.certificate
    algorithm, bits = validation.check_strength(leaf)
    return Certificate(
        fingerprint=own.fingerprint(hashes.SHA256()).hex(),
        # Not for security: it is the fingerprint that some stores list certificates by.
        sha1=sha1(own.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest(),
        name=name,
        names=validation.names_of(own),
        addresses=validation.addresses_of(own),
        algorithm=algorithm,
        key_bits=bits,
        serial=f"{own.serial_number:x}",
        issuer=validation.text(own.issuer),
        subject=validation.text(own.subject),
        not_before=own.not_valid_before_utc,
        not_after=own.not_valid_after_utc,
        source=source,
        chain_pem=pem.join(in_order(leaf, given, now, trusted)),
    )
