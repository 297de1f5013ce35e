"""Builds the Classic Load Balancer's answers. `clb` calls it."""

from datetime import UTC, datetime
from typing import Any

from sandbox.resources import SandboxResource
from sandbox.services._clb_certificates import ServerCertificate
from sandbox.services._tags import to_tag_list


def get_balancer(row: SandboxResource) -> str:
    """The load balancer that a slot belongs to."""
    return str(row.attributes["load_balancer"])


def to_list_row(row: SandboxResource) -> dict[str, Any]:
    """A listener as DescribeLoadBalancerListeners lists it."""
    return {
        "LoadBalancerId": get_balancer(row),
        "ListenerPort": row.attributes["port"],
        "ListenerProtocol": "https",
        "Status": row.attributes["status"],
        "HTTPSListenerConfig": {"ServerCertificateId": row.attributes["certificate"]},
        "Tags": to_tag_list(row.attributes.get("tags", {}), "TagKey", "TagValue"),
    }


def to_listener(row: SandboxResource) -> dict[str, Any]:
    """A listener as in its own operation."""
    return {
        "LoadBalancerId": get_balancer(row),
        "ListenerPort": row.attributes["port"],
        "Status": row.attributes["status"],
        "ServerCertificateId": row.attributes["certificate"],
    }


def to_extension(row: SandboxResource) -> dict[str, Any]:
    """An additional domain."""
    return {
        "Domain": row.attributes["domain"],
        "DomainExtensionId": row.attributes["extension"],
        "ServerCertificateId": row.attributes["certificate"],
    }


def to_certificate_row(row: ServerCertificate) -> dict[str, Any]:
    """An upload as in listings, without chain and key."""
    facts = row.facts
    digest = facts.sha256 if row.digest == "sha256" else facts.sha1
    return {
        "AliCloudCertificateId": str(row.cas_id or ""),
        "AliCloudCertificateName": "",
        "CommonName": facts.common_name,
        "CreateTime": _format_utc(row.created),
        "CreateTimeStamp": int(row.created * 1000),
        "ExpireTime": _format_utc(facts.not_after.timestamp()),
        "ExpireTimeStamp": int(facts.not_after.timestamp() * 1000),
        "Fingerprint": ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)),
        "IsAliCloudCertificate": 1 if row.cas_id else 0,
        "RegionId": row.region,
        "ResourceGroupId": "rg-acfmpracticeonly",
        "ServerCertificateId": row.id,
        "ServerCertificateName": row.name,
        "SubjectAlternativeNames": {"SubjectAlternativeName": list(facts.names)},
    }


def _format_utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
