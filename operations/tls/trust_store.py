"""Which roots clients trust, by the profile that CERTROLL_TRUST names."""

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
def roots_of(profile: str) -> Roots | None:
    """The roots of "system", of "certifi" (or "mozilla"), or of a file; None for "none".

    BadInput for a file that cannot be read or holds no certificate, or a system without a bundle.
    """
    if profile == NONE:
        return None
    if profile in MOZILLA:
        return _in_file(Path(certifi.where()))
    if profile == SYSTEM:
        return _of_the_system()
    return _in_file(Path(profile).expanduser())


def _of_the_system() -> Roots:
    places = ssl.get_default_verify_paths()
    if places.cafile:
        return _in_file(Path(places.cafile))
    # Python finds the hashed names in a folder by itself, but tells only what it has used.
    folder = Path(places.capath or "/nonexistent")
    bundle = folder / "ca-certificates.crt"
    if bundle.is_file():
        return _in_file(bundle)
    found = [root for path in sorted(folder.glob("*.pem")) for root in _in_file(path)]
    if not found:
        raise BadInput(
            "this system has no bundle of trusted roots",
            where=WHERE,
            fix="Install its package ca-certificates, or set it to certifi or to a file.",
        )
    return tuple(found)


def _in_file(path: Path) -> Roots:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror or type(error).__name__}",
            where=WHERE,
            fix="Set it to system, certifi, none, or to a PEM file of roots.",
        ) from None
    # Bundles hold roots that are older than the rules, and those are warned of.
    with warnings.catch_warnings(action="ignore"):
        return tuple(pem.certificates(data, f"{WHERE}={path}"))
