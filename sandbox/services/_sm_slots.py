"""The slot of an accelerated domain for an SM2 pair. No operation shows what is set there.

Nothing is served from it: the edge speaks TLS only, not TLCP.

Unconfirmed against the real cloud: the code for a domain without HTTPS, that a pair for other
names is refused, and that the domain shows as being configured while the change is arriving.
"""

import time
from typing import Any

from sandbox.certificates import covers
from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.resources import SandboxResource
from sandbox.service import ServiceCall
from sandbox.store import StoredCertificate


def set_pair(cloud: Cloud, row: SandboxResource, call: ServiceCall) -> dict[str, Any]:
    """Set the pair, or switch the slot off; the state shows all that was set, in order."""
    protocol = call.params.require("SSLProtocol")
    found = _get_pair(cloud, call)
    if protocol not in ("on", "off"):
        raise ApiError(
            "InvalidSSLProtocol.ValueNotSupported", "The specified SSLProtocol is invalid."
        )
    if row.binding is None:
        raise ApiError("IllegalOperation", "Illegal domain operate is not permitted.", 403)
    if not covers(found.facts.names, row.name):
        raise ApiError("Certificate.MissMatch", "The certificate does not match the domain name.")
    pair = {"cert_id": found.id, "fingerprint": found.facts.sha256} if protocol == "on" else None
    row.attributes["sm"] = pair
    row.attributes["sm_settles_at"] = time.time() + cloud.resources.propagation
    applied = row.attributes.setdefault("sm_applied", [])
    applied.append(pair and pair["fingerprint"])
    cloud.resources.save(row)
    return {}


def _get_pair(cloud: Cloud, call: ServiceCall) -> StoredCertificate:
    number, _, region = call.params.require("CertIdentifier").partition("-")
    known = number.isdecimal() and region == call.account.region
    row = cloud.certificates.get(call.account.access_key_id, int(number)) if known else None
    if row is None or row.facts.algorithm != "SM2":
        raise ApiError(
            "InvalidCertIdentifier.ValueNotSupported",
            "The specified value of parameter CertIdentifier is not valid.",
        )
    return row
