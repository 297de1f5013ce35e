"""How the Classic Load Balancer words listeners, additional domains and certificates."""

from datetime import UTC, datetime
from typing import Any

from sandbox.resources import Resource
from sandbox.services._clb_certificates import ServerCertificate
from sandbox.services._tags import worded


def balancer(row: Resource) -> str:
    """The load balancer that a slot belongs to."""
    return str(row.attributes["load_balancer"])


def listed(row: Resource) -> dict[str, Any]:
    """A listener as DescribeLoadBalancerListeners lists it."""
    return {
        "LoadBalancerId": balancer(row),
        "ListenerPort": row.attributes["port"],
        "ListenerProtocol": "https",
        "Status": row.attributes["status"],
        "HTTPSListenerConfig": {"ServerCertificateId": row.attributes["certificate"]},
        "Tags": worded(row.attributes.get("tags", {}), "TagKey", "TagValue"),
    }


def listener(row: Resource) -> dict[str, Any]:
    """A listener as an operation of its own tells it."""
    return {
        "LoadBalancerId": balancer(row),
        "ListenerPort": row.attributes["port"],
        "Status": row.attributes["status"],
        "ServerCertificateId": row.attributes["certificate"],
    }


def extension(row: Resource) -> dict[str, Any]:
    """An additional domain."""
    return {
        "Domain": row.attributes["domain"],
        "DomainExtensionId": row.attributes["extension"],
        "ServerCertificateId": row.attributes["certificate"],
    }


def told(row: ServerCertificate) -> dict[str, Any]:
    """An upload as listings tell it, without chain and key."""
    facts = row.facts
    digest = facts.sha256 if row.digest == "sha256" else facts.sha1
    return {
        "AliCloudCertificateId": str(row.cas_id or ""),
        "AliCloudCertificateName": "",
        "CommonName": facts.common_name,
        "CreateTime": _utc(row.created),
        "CreateTimeStamp": int(row.created * 1000),
        "ExpireTime": _utc(facts.not_after.timestamp()),
        "ExpireTimeStamp": int(facts.not_after.timestamp() * 1000),
        "Fingerprint": ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)),
        "IsAliCloudCertificate": 1 if row.cas_id else 0,
        "RegionId": row.region,
        "ResourceGroupId": "rg-acfmpracticeonly",
        "ServerCertificateId": row.id,
        "ServerCertificateName": row.name,
        "SubjectAlternativeNames": {"SubjectAlternativeName": list(facts.names)},
    }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
