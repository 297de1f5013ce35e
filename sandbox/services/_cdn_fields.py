"""How the CDN words its domains and what they are bound to."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.certificates import Facts, covers, read
from sandbox.resources import Binding, Resource

EXPIRES_SOON = timedelta(days=30)


def status(row: Resource) -> str:
    """The state that listings show: `configuring` while a change is on its way."""
    base = str(row.attributes["status"])
    settled = row.settled and time.time() >= row.attributes.get("sm_settles_at", 0)
    return "configuring" if base == "online" and not settled else base


def listed(row: Resource) -> dict[str, Any]:
    """A domain as DescribeUserDomains lists it."""
    changed = row.binding["since"] if row.binding else row.created
    return {
        "DomainName": row.name,
        "DomainId": row.attributes["id"],
        "DomainStatus": status(row),
        "SslProtocol": "on" if row.binding else "off",
        "CdnType": "web",
        "Cname": f"{row.name.lstrip('.')}.w.example.net",
        "Coverage": "domestic",
        "Description": "",
        "GmtCreated": _utc(row.created),
        "GmtModified": _utc(changed),
        "ResourceGroupId": "rg-acfmpracticeonly",
        "Sandbox": "normal",
        "Sources": {
            "Source": [
                {
                    "Content": "192.0.2.1",
                    "Port": 80,
                    "Priority": "20",
                    "Type": "ipaddr",
                    "Weight": "10",
                }
            ]
        },
    }


def certificate(binding: Binding, pem: str) -> dict[str, Any]:
    """A binding as DescribeDomainCertificateInfo tells it; the chain comes back, never the key."""
    facts = read(pem)
    return {
        "ServerCertificateStatus": "on",
        "ServerCertificate": pem,
        "CertName": binding["name"],
        "CertType": binding["kind"],
        "CertDomainName": facts.common_name,
        "CertOrg": facts.issuer,
        "CertLife": f"{max(1, round((facts.not_after - facts.not_before).days / 30))} months",
        "CertStartTime": _utc(facts.not_before.timestamp()),
        "CertExpireTime": _utc(facts.not_after.timestamp()),
        "CertUpdateTime": _utc(binding["since"]),
        "DomainCnameStatus": "ok",
        "Status": "success",
    }


def https(row: Resource, binding: Binding, facts: Facts) -> dict[str, Any]:
    """A domain as DescribeCdnHttpsDomainList lists it."""
    return {
        "DomainName": row.name,
        "CertName": binding["name"],
        "CertCommonName": facts.common_name,
        "CertStartTime": _utc(facts.not_before.timestamp()),
        "CertExpireTime": _utc(facts.not_after.timestamp()),
        "CertUpdateTime": _utc(binding["since"]),
        "CertStatus": _health(row, facts),
        "CertType": binding["kind"],
    }


def _health(row: Resource, facts: Facts) -> str:
    if facts.expired:
        return "expired"
    if not covers(facts.names, row.name):
        return "mismatch"
    soon = facts.not_after - datetime.now(UTC) < EXPIRES_SOON
    return "expire_soon" if soon else "ok"


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
