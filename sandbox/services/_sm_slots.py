"""The slot of an accelerated domain for an SM2 pair. No operation tells what is set there.

Nothing is served from it: the edge speaks TLS only, not TLCP.

Unconfirmed against the real cloud: the code for a domain without HTTPS, that a pair for other
names is refused, and that the domain shows as being configured while the change is on its way.
"""

import time
from typing import Any

from sandbox.certificates import covers
from sandbox.cloud import Cloud
from sandbox.errors import CloudError
from sandbox.resources import Resource
from sandbox.service import Call
from sandbox.store import Certificate


def set_pair(cloud: Cloud, row: Resource, call: Call) -> dict[str, Any]:
    """Set the pair, or switch the slot off; the state shows all that was set, in order."""
    protocol = call.params.need("SSLProtocol")
    found = _pair(cloud, call)
    if protocol not in ("on", "off"):
        raise CloudError(
            "InvalidSSLProtocol.ValueNotSupported", "The specified SSLProtocol is invalid."
        )
    if row.binding is None:
        raise CloudError("IllegalOperation", "Illegal domain operate is not permitted.", 403)
    if not covers(found.facts.names, row.name):
        raise CloudError("Certificate.MissMatch", "The certificate does not match the domain name.")
    pair = {"cert_id": found.id, "fingerprint": found.facts.sha256} if protocol == "on" else None
    row.attributes["sm"] = pair
    row.attributes["sm_settles_at"] = time.time() + cloud.resources.propagation
    applied = row.attributes.setdefault("sm_applied", [])
    applied.append(pair and pair["fingerprint"])
    cloud.resources.save(row)
    return {}


def _pair(cloud: Cloud, call: Call) -> Certificate:
    number, _, region = call.params.need("CertIdentifier").partition("-")
    known = number.isdecimal() and region == call.account.region
    row = cloud.certificates.get(call.account.access_key_id, int(number)) if known else None
    if row is None or row.facts.algorithm != "SM2":
        raise CloudError(
            "InvalidCertIdentifier.ValueNotSupported",
            "The specified value of parameter CertIdentifier is not valid.",
        )
    return row
