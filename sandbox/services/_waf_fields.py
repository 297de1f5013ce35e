"""How the firewall words its instance, its domains and its default certificate."""

import json
from typing import Any

from sandbox.certificates import Facts
from sandbox.options import Account
from sandbox.resources import Resource
from sandbox.services._cas_fields import RESOURCE_GROUP, ms
from sandbox.services._identified import identifier

NORMAL, CHANGING = 1, 3
PLAIN_TLS: dict[str, Any] = {
    "TLSVersion": "tlsv1",
    "CipherSuite": 1,
    "CustomCiphers": [],
    "EnableTLSv3": False,
}


def status(row: Resource) -> int:
    """The state that listings show: being changed while a change is on its way."""
    base = int(row.attributes["status"])
    return CHANGING if base == NORMAL and not row.settled else base


def instance(number: str, region: str) -> dict[str, Any]:
    """An instance as DescribeInstance tells it."""
    return {
        "InstanceId": number,
        "RegionId": region,
        "Edition": "default_version",
        "PayType": "POSTPAY",
        "Status": 1,
        "InDebt": "1",
    }


def listed(row: Resource) -> dict[str, Any]:
    """A domain as DescribeDomains lists it."""
    return {
        "Domain": row.attributes["domain"],
        "DomainId": f"{row.attributes['domain']}-waf",
        "Status": status(row),
        "Cname": f"{row.attributes['id']}.waf.example.net",
        "ListenPorts": {"Http": [80], "Https": row.attributes["https_ports"]},
        "Backeds": {"Http": [{"Backend": "192.0.2.1"}], "Https": []},
        "ResourceManagerResourceGroupId": RESOURCE_GROUP,
    }


def detail(account: Account, row: Resource, facts: Facts | None) -> dict[str, Any]:
    """A domain as DescribeDomainDetail tells it; `facts` are of its certificate."""
    brief = listed(row)
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
    told = {
        **{name: brief[name] for name in ("Cname", "Domain", "DomainId", "Status")},
        "Redirect": {"Backends": [{"Backend": "192.0.2.1"}], "Loadbalance": "iphash"},
        "ResourceManagerResourceGroupId": RESOURCE_GROUP,
    }
    if facts is None or row.binding is None:
        return {**told, "Listen": listen}
    number = identifier(account, row.binding)
    return {
        **told,
        "Listen": {**listen, **row.attributes["tls"], "CertId": number},
        "CertDetail": {
            "Id": number,
            "Name": row.binding["name"],
            "CommonName": facts.common_name,
            "Sans": list(facts.names),
            "StartTime": ms(facts.not_before),
            "EndTime": ms(facts.not_after),
        },
    }


def default(account: Account, row: Resource) -> dict[str, Any]:
    """The default certificate as DescribeDefaultHttps tells it: here ciphers are one text."""
    tls = row.attributes["tls"]
    return {
        "CertId": identifier(account, row.binding),
        "TLSVersion": tls["TLSVersion"],
        "EnableTLSv3": tls["EnableTLSv3"],
        "CipherSuite": str(tls["CipherSuite"]),
        "CustomCiphers": json.dumps(tls["CustomCiphers"]),
    }
