"""How the certificate store words what it holds, in its three forms of listing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.certificates import Facts
from sandbox.options import Account
from sandbox.store import Certificate

ABOUT_TO_EXPIRE = timedelta(days=30)
RESOURCE_GROUP = "rg-acfmpracticeonly"


def instance_id(row: Certificate) -> str:
    """The instance id that stands for a certificate in listings."""
    return f"cas-{row.source}-{row.id:08x}"


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(moment.timestamp() * 1000)


def status(facts: Facts) -> str:
    """The status as the newer listing writes it."""
    if facts.expired:
        return "expired"
    soon = facts.not_after - datetime.now(UTC) < ABOUT_TO_EXPIRE
    return "willExpire" if soon else "issued"


def has_status(facts: Facts, wanted: str) -> bool:
    """Without a wish, all that is not yet expired; the older listing writes the values its way."""
    present = {"issued": "ISSUED", "willExpire": "WILLEXPIRED", "expired": "EXPIRED"}[status(facts)]
    return present == wanted if wanted else present != "EXPIRED"


def _common(row: Certificate) -> dict[str, Any]:
    """What both older forms tell of a certificate."""
    facts = row.facts
    return {
        "Name": row.name,
        "InstanceId": instance_id(row),
        "Issuer": facts.issuer,
        "OrgName": facts.organization,
        "Sans": ",".join(facts.names),
        "SerialNo": facts.serial,
        "Fingerprint": facts.sha1.upper(),
        "Sha2": facts.sha256.upper(),
        "StartDate": facts.not_before.date().isoformat(),
        "EndDate": facts.not_after.date().isoformat(),
        "Expired": facts.expired,
        "ResourceGroupId": RESOURCE_GROUP,
        "Country": "",
        "Province": "",
        "City": "",
    }


def order(row: Certificate) -> dict[str, Any]:
    """A certificate as ListUserCertificateOrder lists it."""
    return {
        **_common(row),
        "CertificateId": row.id,
        "CommonName": row.facts.common_name,
        "Upload": row.source == "upload",
    }


def detail(account: Account, row: Certificate) -> dict[str, Any]:
    """A certificate as GetUserCertificateDetail tells it, without chain and key."""
    facts = row.facts
    return {
        **_common(row),
        "Id": row.id,
        "CertIdentifier": f"{row.id}-{account.region}",
        "Common": facts.common_name,
        "Algorithm": facts.algorithm,
        "CertSha2": facts.sha256.upper(),
        "BuyInAliyun": row.source == "buy",
        "NotBefore": ms(facts.not_before),
        "NotAfter": ms(facts.not_after),
        "Tags": [],
        "CertChain": [
            {
                "CommonName": link.subject,
                "IssuerCommonName": link.issuer,
                "NotBefore": ms(link.not_before),
                "NotAfter": ms(link.not_after),
                "RemainDay": link.remaining_days,
            }
            for link in facts.chain
        ],
    }
