"""From the files of an upload to a checked certificate with its key."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import BadInput
from starter.cli.shared import ask_secret, can_ask, read_file

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate, Files, Source
    from domain.certificates.keys import PrivateKey


class Paths(NamedTuple):
    """The files that were named, but for PFX."""

    certificate: Path | None
    chain: Path | None
    key: Path | None
    encrypt_certificate: Path | None
    encrypt_key: Path | None


def from_pem(
    name: str, paths: Paths, passphrase: str | None, source: "Source"
) -> tuple["Certificate", "PrivateKey"]:
    """A certificate with its key; asks for a passphrase that the key needs."""
    from datetime import UTC, datetime

    from domain.certificates.certificate import parse_pem

    certificate = _given(paths.certificate)
    leaf = read_file(certificate)
    secret = _key(paths.key, certificate, leaf, "--key")
    if passphrase is None and b"ENCRYPTED" in secret and can_ask():
        passphrase = ask_secret(f"Passphrase of {paths.key or certificate}")
    return parse_pem(
        name,
        certificate=leaf,
        chain=_chain(paths),
        key=secret,
        passphrase=passphrase,
        source=source,
        now=datetime.now(UTC),
        files=_files(paths),
    )


def from_pair(name: str, paths: Paths, source: "Source") -> tuple["Certificate", "PrivateKey"]:
    """An SM2 certificate: the half that signs and the half that encrypts, with their keys."""
    from datetime import UTC, datetime

    from domain.certificates.sm2_pair import parse_pair

    certificate, other = _given(paths.certificate), paths.encrypt_certificate
    if other is None:
        raise BadInput(
            "the key of an encryption certificate is given, but not the certificate",
            where=str(paths.encrypt_key),
            fix="Give its file by --encrypt-certificate.",
        )
    sign, encrypt = read_file(certificate), read_file(other)
    return parse_pair(
        name,
        certificate=sign,
        key=_key(paths.key, certificate, sign, "--key"),
        encrypt_certificate=encrypt,
        encrypt_key=_key(paths.encrypt_key, other, encrypt, "--encrypt-key"),
        chain=_chain(paths),
        source=source,
        now=datetime.now(UTC),
        files=_files(paths),
    )


def from_pfx(
    name: str, path: Path, passphrase: str | None, source: "Source"
) -> tuple["Certificate", "PrivateKey"]:
    """All that one PFX file holds; asks for its passphrase."""
    from datetime import UTC, datetime

    from domain.certificates.certificate import parse_pfx

    data = read_file(path)
    if passphrase is None and data and can_ask():
        passphrase = ask_secret(f"Passphrase of {path}")
    return parse_pfx(
        name,
        data=data,
        passphrase=passphrase,
        source=source,
        now=datetime.now(UTC),
        label=str(path),
    )


def _given(certificate: Path | None) -> Path:
    if certificate is None:
        raise BadInput("no certificate is given", fix="Give its file by --certificate or --pfx.")
    return certificate


def _chain(paths: Paths) -> bytes | None:
    return None if paths.chain is None else read_file(paths.chain)


def _files(paths: Paths) -> "Files":
    from domain.certificates.certificate import Files

    return Files(
        certificate=str(paths.certificate),
        chain=str(paths.chain),
        key=str(paths.key or paths.certificate),
        encrypt_certificate=str(paths.encrypt_certificate),
        encrypt_key=str(paths.encrypt_key or paths.encrypt_certificate),
    )


def _key(path: Path | None, beside: Path, certificate: bytes, option: str) -> bytes:
    """The key's file, or the certificate's again, if that holds a key too."""
    if path is not None:
        return read_file(path)
    if b"PRIVATE KEY-----" not in certificate:
        raise BadInput(
            "no private key is given",
            where=str(beside),
            fix=f"Give the key's file by {option}.",
        )
    return certificate
