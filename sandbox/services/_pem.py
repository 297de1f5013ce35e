"""Certificates that a service takes as PEM and keeps for itself, outside the certificate store."""

import time

from sandbox.certificates import key_matches, read
from sandbox.cloud import Cloud
from sandbox.resources import Binding


def uploaded(cloud: Cloud, name: str, pem: str, key: str) -> Binding:
    """The binding to a certificate that was given as PEM; the caller has checked it."""
    return Binding(
        kind="upload",
        material=cloud.resources.keep_material(pem, key),
        fingerprint=read(pem).sha256,
        cert_id=None,
        name=name,
        since=time.time(),
    )


def fault_of(pem: str, key: str) -> str | None:
    """What is wrong with a certificate and its key, None if nothing is."""
    try:
        read(pem)
    except ValueError:
        return "the certificate is not in PEM format"
    try:
        matches = key_matches(pem, key)
    except ValueError:
        return "the private key is not in PEM format"
    return None if matches else "the private key does not match the certificate"
