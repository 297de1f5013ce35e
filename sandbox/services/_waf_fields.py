"""Builds the firewall's answers. `waf` calls it."""

import json
from typing import Any

from sandbox.certificates import Facts
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.services._cas_fields import RESOURCE_GROUP, to_milliseconds
from sandbox.services._identified import build_identifier

NORMAL, CHANGING = 1, 3
PLAIN_TLS: dict[str, Any] = {
    "TLSVersion": "tlsv1",
    "CipherSuite": 1,
    "CustomCiphers": [],
    "EnableTLSv3": False,
}


def get_status(row: SandboxResource) -> int:
    """The state that listings show: 3 while a change is arriving."""
    base = int(row.attributes["status"])
    return CHANGING if base == NORMAL and not row.settled else base


def to_instance(number: str, region: str) -> dict[str, Any]:
    """An instance as in DescribeInstance."""
    return {
        "InstanceId": number,
        "RegionId": region,
        "Edition": "default_version",
        "PayType": "POSTPAY",
        "Status": 1,
        "InDebt": "1",
    }


def to_list_row(row: SandboxResource) -> dict[str, Any]:
    """A domain as DescribeDomains lists it."""
    return {
        "Domain": row.attributes["domain"],
        "DomainId": f"{row.attributes['domain']}-waf",
        "Status": get_status(row),
        "Cname": f"{row.attributes['id']}.waf.example.net",
        "ListenPorts": {"Http": [80], "Https": row.attributes["https_ports"]},
        "Backeds": {"Http": [{"Backend": "192.0.2.1"}], "Https": []},
        "ResourceManagerResourceGroupId": RESOURCE_GROUP,
    }


def to_detail(account: SandboxAccount, row: SandboxResource, facts: Facts | None) -> dict[str, Any]:
    """A domain as in DescribeDomainDetail; `facts` are of its certificate."""
    brief = to_list_row(row)
    listen = {
        "HttpPorts": brief["ListenPorts"]["Http"],
        "HttpsPorts": brief["ListenPorts"]["Https"],
        "Http2Enabled": False,
        "IPv6Enabled": False,
        "FocusHttps": False,
        "ProtectionResource": "share",
        "XffHeaderMode": 0,
        "XffHeaders": [],
    }
    fields = {
        **{name: brief[name] for name in ("Cname", "Domain", "DomainId", "Status")},
        "Redirect": {"Backends": [{"Backend": "192.0.2.1"}], "Loadbalance": "iphash"},
        "ResourceManagerResourceGroupId": RESOURCE_GROUP,
    }
    if facts is None or row.binding is None:
        return {**fields, "Listen": listen}
    number = build_identifier(account, row.binding)
    return {
        **fields,
        "Listen": {**listen, **row.attributes["tls"], "CertId": number},
        "CertDetail": {
            "Id": number,
            "Name": row.binding["name"],
            "CommonName": facts.common_name,
            "Sans": list(facts.names),
            "StartTime": to_milliseconds(facts.not_before),
            "EndTime": to_milliseconds(facts.not_after),
        },
    }


def to_default(account: SandboxAccount, row: SandboxResource) -> dict[str, Any]:
    """The default certificate as in DescribeDefaultHttps: here ciphers are one text."""
    tls = row.attributes["tls"]
    return {
        "CertId": build_identifier(account, row.binding),
        "TLSVersion": tls["TLSVersion"],
        "EnableTLSv3": tls["EnableTLSv3"],
        "CipherSuite": str(tls["CipherSuite"]),
        "CustomCiphers": json.dumps(tls["CustomCiphers"]),
    }
