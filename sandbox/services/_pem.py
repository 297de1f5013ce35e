"""Certificates that a service takes as PEM and keeps outside the certificate store."""

import time

from sandbox.certificates import key_matches, read_facts
from sandbox.cloud import Cloud
from sandbox.resources import SandboxBinding


def build_upload_binding(cloud: Cloud, name: str, pem: str, key: str) -> SandboxBinding:
    """The binding to a certificate that was given as PEM; the caller has checked it."""
    return SandboxBinding(
        kind="upload",
        material=cloud.resources.save_material(pem, key),
        fingerprint=read_facts(pem).sha256,
        cert_id=None,
        name=name,
        since=time.time(),
    )


def find_problem(pem: str, key: str) -> str | None:
    """The problem of a certificate and its key, None if there is none."""
    try:
        read_facts(pem)
    except ValueError:
        return "the certificate is not in PEM format"
    try:
        matches = key_matches(pem, key)
    except ValueError:
        return "the private key is not in PEM format"
    return None if matches else "the private key does not match the certificate"
