"""Builds the certificate store's answers, in its three forms of listing. `cas` calls it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.certificates import Facts
from sandbox.options import SandboxAccount
from sandbox.store import StoredCertificate

ABOUT_TO_EXPIRE = timedelta(days=30)
RESOURCE_GROUP = "rg-acfmpracticeonly"


def build_instance_id(row: StoredCertificate) -> str:
    """The instance id that stands for a certificate in listings."""
    return f"cas-{row.source}-{row.id:08x}"


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(moment.timestamp() * 1000)


def get_status(facts: Facts) -> str:
    """The status as the newer listing writes it."""
    if facts.is_expired:
        return "expired"
    soon = facts.not_after - datetime.now(UTC) < ABOUT_TO_EXPIRE
    return "willExpire" if soon else "issued"


def has_status(facts: Facts, wanted: str) -> bool:
    """Whether it has the status; without one, whether it has not expired. For the older listing."""
    present = {"issued": "ISSUED", "willExpire": "WILLEXPIRED", "expired": "EXPIRED"}[
        get_status(facts)
    ]
    return present == wanted if wanted else present != "EXPIRED"


def _build_common(row: StoredCertificate) -> dict[str, Any]:
    """The fields that both older forms have."""
    facts = row.facts
    return {
        "Name": row.name,
        "InstanceId": build_instance_id(row),
        "Issuer": facts.issuer,
        "OrgName": facts.organization,
        "Sans": ",".join(facts.names),
        "SerialNo": facts.serial,
        "Fingerprint": facts.sha1.upper(),
        "Sha2": facts.sha256.upper(),
        "StartDate": facts.not_before.date().isoformat(),
        "EndDate": facts.not_after.date().isoformat(),
        "Expired": facts.is_expired,
        "ResourceGroupId": RESOURCE_GROUP,
        "Country": "",
        "Province": "",
        "City": "",
    }


def to_order(row: StoredCertificate) -> dict[str, Any]:
    """A certificate as ListUserCertificateOrder lists it."""
    return {
        **_build_common(row),
        "CertificateId": row.id,
        "CommonName": row.facts.common_name,
        "Upload": row.source == "upload",
    }


def to_detail(account: SandboxAccount, row: StoredCertificate) -> dict[str, Any]:
    """A certificate as in GetUserCertificateDetail, without chain and key."""
    facts = row.facts
    return {
        **_build_common(row),
        "Id": row.id,
        "CertIdentifier": f"{row.id}-{account.region}",
        "Common": facts.common_name,
        "Algorithm": facts.algorithm,
        "CertSha2": facts.sha256.upper(),
        "BuyInAliyun": row.source == "buy",
        "NotBefore": to_milliseconds(facts.not_before),
        "NotAfter": to_milliseconds(facts.not_after),
        "Tags": [],
        "CertChain": [
            {
                "CommonName": link.subject,
                "IssuerCommonName": link.issuer,
                "NotBefore": to_milliseconds(link.not_before),
                "NotAfter": to_milliseconds(link.not_after),
                "RemainDay": link.remaining_days,
            }
            for link in facts.chain
        ],
    }
