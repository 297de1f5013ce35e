"""Loads the roots that clients trust, by the profile in CERTROLL_TRUST; preflight calls it."""

import ssl
import warnings
from functools import lru_cache
from pathlib import Path

import certifi
from cryptography import x509

from domain.certificates import pem
from domain.errors import BadInput

WHERE = "CERTROLL_TRUST"
NONE, SYSTEM, MOZILLA = "none", "system", ("certifi", "mozilla")

Roots = tuple[x509.Certificate, ...]


@lru_cache(maxsize=4)
def load_roots(profile: str) -> Roots | None:
    """The roots of "system", of "certifi" (or "mozilla"), or of a PEM file; None for "none".

    Raises BadInput if the file cannot be read or holds no certificate, or the system has no bundle.
    """
    if profile == NONE:
        return None
    if profile in MOZILLA:
        return _load_file(Path(certifi.where()))
    if profile == SYSTEM:
        return _load_system()
    return _load_file(Path(profile).expanduser())


def _load_system() -> Roots:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return _load_file(Path(paths.cafile))
    # Python reads the hashed names of a folder by itself, but lists only those it has used.
    folder = Path(paths.capath or "/nonexistent")
    bundle = folder / "ca-certificates.crt"
    if bundle.is_file():
        return _load_file(bundle)
    found = [root for path in sorted(folder.glob("*.pem")) for root in _load_file(path)]
    if not found:
        raise BadInput(
            "this system has no bundle of trusted roots",
            where=WHERE,
            fix="Install the package ca-certificates, or set it to certifi or to a PEM file.",
            code="no-trust-bundle",
        )
    return tuple(found)


def _load_file(path: Path) -> Roots:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or type(error).__name__}",
            where=WHERE,
            fix="Set it to system, certifi, none, or to a PEM file of roots.",
            code="unreadable-file",
        ) from None
    # Some roots in bundles are older than the rules, and cryptography warns of them.
    with warnings.catch_warnings(action="ignore"):
        return tuple(pem.read_certificates(data, f"{WHERE}={path}"))
