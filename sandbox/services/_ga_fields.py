"""How Global Accelerator words accelerators, listeners and their certificates."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.options import Account
from sandbox.resources import Resource
from sandbox.services._identified import identifier
from sandbox.services._tags import worded

REGION = "cn-hangzhou"


@dataclass
class Accelerator:
    """One accelerator; `state` is what it is in while nothing is being changed."""

    id: str
    account: str
    created: float
    state: str = "active"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Listener:
    """One listener; only those for HTTPS have slots for certificates."""

    id: str
    accelerator: str
    account: str
    created: float
    protocol: str = "HTTPS"
    port: int = 443


def accelerator(row: Accelerator, state: str) -> dict[str, Any]:
    """An accelerator as both the listing and its own description show it."""
    return {
        "AcceleratorId": row.id,
        "BandwidthBillingType": "CDT",
        "CreateTime": int(row.created * 1000),
        "CrossBorderStatus": False,
        "DnsName": f"{row.id}.aliyunga0017.com",
        "InstanceChargeType": "POSTPAY",
        "IpSetConfig": {"AccessMode": "UserDefine"},
        "Name": row.id,
        "RegionId": REGION,
        "ServiceManaged": False,
        "Spec": "1",
        "State": state,
        "Tags": worded(row.tags),
    }


def listener(
    account: Account, row: Listener, default: Resource | None, state: str
) -> dict[str, Any]:
    """A listener as the listing shows it."""
    shown: list[dict[str, Any]] = []
    if default is not None:
        shown = [{"Id": identifier(account, default.binding), "Type": "Server"}]
    return {
        "AcceleratorId": row.accelerator,
        "BackendPorts": [],
        "Certificates": shown,
        "ClientAffinity": "NONE",
        "CreateTime": int(row.created * 1000),
        "Description": "",
        "ListenerId": row.id,
        "Name": row.id,
        "PortRanges": [{"FromPort": row.port, "ToPort": row.port}],
        "Protocol": row.protocol,
        "ProxyProtocol": False,
        "ServiceManaged": False,
        "State": state,
        "Type": "Standard",
    }


def certificate(account: Account, row: Resource) -> dict[str, Any]:
    """A certificate as the listing of one listener shows it; the default one has no domain."""
    domain = row.attributes["domain"]
    return {
        "CertificateId": identifier(account, row.binding),
        "IsDefault": domain is None,
        "State": "active" if row.settled else "updating",
        **({} if domain is None else {"Domain": domain}),
    }
