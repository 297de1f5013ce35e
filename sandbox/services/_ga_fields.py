"""Builds Global Accelerator's answers. `ga` calls it."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.services._identified import build_identifier
from sandbox.services._tags import to_tag_list

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
class GaListenerRow:
    """One listener; only those for HTTPS have slots for certificates."""

    id: str
    accelerator: str
    account: str
    created: float
    protocol: str = "HTTPS"
    port: int = 443


def to_accelerator(row: Accelerator, state: str) -> dict[str, Any]:
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
        "Tags": to_tag_list(row.tags),
    }


def to_listener(
    account: SandboxAccount, row: GaListenerRow, default: SandboxResource | None, state: str
) -> dict[str, Any]:
    """A listener as the listing shows it."""
    shown: list[dict[str, Any]] = []
    if default is not None:
        shown = [{"Id": build_identifier(account, default.binding), "Type": "Server"}]
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


def to_certificate_row(account: SandboxAccount, row: SandboxResource) -> dict[str, Any]:
    """A certificate as the listing of one listener shows it; the default one has no domain."""
    domain = row.attributes["domain"]
    return {
        "CertificateId": build_identifier(account, row.binding),
        "IsDefault": domain is None,
        "State": "active" if row.settled else "updating",
        **({} if domain is None else {"Domain": domain}),
    }
