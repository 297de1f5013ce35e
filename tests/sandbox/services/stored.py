"""Certificates in a sandbox's store, put there by the official client."""

import uuid

from alibabacloud_cas20200407 import models

from tests.sandbox.running import Running
from tests.support.factory import Leaf


def to_seed(leaf: Leaf) -> dict[str, str]:
    """A certificate as a seed is shown of it."""
    return {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}


def upload(cloud: Running, leaf: Leaf) -> int:
    """Its id in the store."""
    request = models.UploadUserCertificateRequest(
        name=uuid.uuid4().hex, cert=leaf.pem.decode(), key=leaf.key_pem.decode()
    )
    return int(cloud.cas().upload_user_certificate(request).body.cert_id)


def upload_identifier(cloud: Running, leaf: Leaf) -> str:
    """As most products name it: "<id>-<region of the site>"."""
    return f"{upload(cloud, leaf)}-cn-hangzhou"
