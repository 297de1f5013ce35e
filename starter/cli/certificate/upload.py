"""Reads the files of an upload into a checked certificate with its key.

Called by `certificate upload` and `certroll hook`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import BadInput
from starter.cli.shared import ask_secret, can_prompt, read_file

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate, FileNames, Source
    from domain.certificates.keys import PrivateKey


class Paths(NamedTuple):
    """The given files, except PFX."""

    certificate: Path | None
    chain: Path | None
    key: Path | None
    encrypt_certificate: Path | None
    encrypt_key: Path | None


def from_pem(
    name: str, paths: Paths, passphrase: str | None, source: "Source"
) -> tuple["Certificate", "PrivateKey"]:
    """Reads a certificate with its key; asks for the passphrase of an encrypted key."""
    from datetime import UTC, datetime

    from domain.certificates.certificate import parse_pem

    certificate = _require_certificate(paths.certificate)
    leaf = read_file(certificate)
    secret = _read_key(paths.key, certificate, leaf, "--key")
    if passphrase is None and b"ENCRYPTED" in secret and can_prompt():
        passphrase = ask_secret(f"Passphrase of {paths.key or certificate}")
    return parse_pem(
        name,
        certificate=leaf,
        chain=_read_chain(paths),
        key=secret,
        passphrase=passphrase,
        source=source,
        now=datetime.now(UTC),
        files=_name_files(paths),
    )


def from_pair(name: str, paths: Paths, source: "Source") -> tuple["Certificate", "PrivateKey"]:
    """Reads an SM2 pair: signing and encryption certificate with their keys."""
    from datetime import UTC, datetime

    from domain.certificates.sm2_pair import parse_sm2_pair

    certificate, other = _require_certificate(paths.certificate), paths.encrypt_certificate
    if other is None:
        raise BadInput(
            "the key of an encryption certificate is given, but not the certificate",
            where=str(paths.encrypt_key),
            fix="Give the certificate by --encrypt-certificate.",
            code="missing-certificate",
        )
    sign, encrypt = read_file(certificate), read_file(other)
    return parse_sm2_pair(
        name,
        certificate=sign,
        key=_read_key(paths.key, certificate, sign, "--key"),
        encrypt_certificate=encrypt,
        encrypt_key=_read_key(paths.encrypt_key, other, encrypt, "--encrypt-key"),
        chain=_read_chain(paths),
        source=source,
        now=datetime.now(UTC),
        files=_name_files(paths),
    )


def from_pfx(
    name: str, path: Path, passphrase: str | None, source: "Source"
) -> tuple["Certificate", "PrivateKey"]:
    """Reads a PFX file; asks for its passphrase."""
    from datetime import UTC, datetime

    from domain.certificates.certificate import parse_pfx

    data = read_file(path)
    if passphrase is None and data and can_prompt():
        passphrase = ask_secret(f"Passphrase of {path}")
    return parse_pfx(
        name,
        data=data,
        passphrase=passphrase,
        source=source,
        now=datetime.now(UTC),
        label=str(path),
    )


def _require_certificate(certificate: Path | None) -> Path:
    if certificate is None:
        raise BadInput(
            "no certificate is given",
            fix="Give its file by --certificate or --pfx.",
            code="missing-certificate",
        )
    return certificate


def _read_chain(paths: Paths) -> bytes | None:
    return None if paths.chain is None else read_file(paths.chain)


def _name_files(paths: Paths) -> "FileNames":
    from domain.certificates.certificate import FileNames

    return FileNames(
        certificate=str(paths.certificate),
        chain=str(paths.chain),
        key=str(paths.key or paths.certificate),
        encrypt_certificate=str(paths.encrypt_certificate),
        encrypt_key=str(paths.encrypt_key or paths.encrypt_certificate),
    )


def _read_key(path: Path | None, beside: Path, certificate: bytes, option: str) -> bytes:
    """Reads the key from its file, or from the certificate's file if that holds a key."""
    if path is not None:
        return read_file(path)
    if b"PRIVATE KEY-----" not in certificate:
        raise BadInput(
            "no private key is given",
            where=str(beside),
            fix=f"Give the key's file by {option}.",
            code="missing-key",
        )
    return certificate
