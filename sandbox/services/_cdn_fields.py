"""Builds the CDN's answers about domains and bindings. CDN and DCDN call it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.certificates import Facts, covers, read_facts
from sandbox.resources import SandboxBinding, SandboxResource

EXPIRES_SOON = timedelta(days=30)


def get_status(row: SandboxResource) -> str:
    """The state that listings show: `configuring` while a change is arriving."""
    base = str(row.attributes["status"])
    settled = row.settled and time.time() >= row.attributes.get("sm_settles_at", 0)
    return "configuring" if base == "online" and not settled else base


def to_list_row(row: SandboxResource) -> dict[str, Any]:
    """A domain as DescribeUserDomains lists it."""
    changed = row.binding["since"] if row.binding else row.created
    return {
        "DomainName": row.name,
        "DomainId": row.attributes["id"],
        "DomainStatus": get_status(row),
        "SslProtocol": "on" if row.binding else "off",
        "CdnType": "web",
        "Cname": f"{row.name.lstrip('.')}.w.example.net",
        "Coverage": "domestic",
        "Description": "",
        "GmtCreated": _format_utc(row.created),
        "GmtModified": _format_utc(changed),
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


def to_certificate_info(binding: SandboxBinding, pem: str) -> dict[str, Any]:
    """A binding as in DescribeDomainCertificateInfo: with the chain, never the key."""
    facts = read_facts(pem)
    return {
        "ServerCertificateStatus": "on",
        "ServerCertificate": pem,
        "CertName": binding["name"],
        "CertType": binding["kind"],
        "CertDomainName": facts.common_name,
        "CertOrg": facts.issuer,
        "CertLife": f"{max(1, round((facts.not_after - facts.not_before).days / 30))} months",
        "CertStartTime": _format_utc(facts.not_before.timestamp()),
        "CertExpireTime": _format_utc(facts.not_after.timestamp()),
        "CertUpdateTime": _format_utc(binding["since"]),
        "DomainCnameStatus": "ok",
        "Status": "success",
    }


def to_https_row(row: SandboxResource, binding: SandboxBinding, facts: Facts) -> dict[str, Any]:
    """A domain as DescribeCdnHttpsDomainList lists it."""
    return {
        "DomainName": row.name,
        "CertName": binding["name"],
        "CertCommonName": facts.common_name,
        "CertStartTime": _format_utc(facts.not_before.timestamp()),
        "CertExpireTime": _format_utc(facts.not_after.timestamp()),
        "CertUpdateTime": _format_utc(binding["since"]),
        "CertStatus": _get_health(row, facts),
        "CertType": binding["kind"],
    }


def _get_health(row: SandboxResource, facts: Facts) -> str:
    if facts.is_expired:
        return "expired"
    if not covers(facts.names, row.name):
        return "mismatch"
    soon = facts.not_after - datetime.now(UTC) < EXPIRES_SOON
    return "expire_soon" if soon else "ok"


def _format_utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
