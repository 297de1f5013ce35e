"""Server certificates of the Classic Load Balancer: one store per region."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sandbox.certificates import Facts, key_matches, read_facts
from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import Params
from sandbox.state import Table


@dataclass
class ServerCertificate:
    """One upload; `digest` is the kind of its shown fingerprint, "sha256" or "sha1"."""

    id: str
    account: str
    region: str
    name: str
    material: str
    pem: str
    created: float
    digest: str = "sha256"
    cas_id: int | None = None

    @property
    def facts(self) -> Facts:
        """What its leaf says."""
        return read_facts(self.pem)

    @property
    def binding(self) -> SandboxBinding:
        """What serves this certificate from now on."""
        return SandboxBinding(
            kind="cas" if self.cas_id else "upload",
            material=self.material,
            fingerprint=self.facts.sha256,
            cert_id=self.cas_id,
            name=self.name,
            since=time.time(),
        )


class ServerCertificates:
    """The uploads of all accounts and regions; every upload makes a new one."""

    def __init__(self, cloud: Cloud) -> None:
        self._rows = Table(cloud.journal, "clb_certificates", ServerCertificate)
        self._cloud = cloud
        self._by_region: dict[tuple[str, str], dict[str, ServerCertificate]] = {}
        self._same_leaf: dict[tuple[str, str, str], dict[str, ServerCertificate]] = {}
        for row in self._rows:
            self._index_row(row)

    def list_of(self, account: str, region: str) -> Iterator[ServerCertificate]:
        """The uploads of an account to a region, in the order of their creation."""
        return iter(self._by_region.get((account, region), {}).values())

    def get(self, account: str, region: str, number: str) -> ServerCertificate | None:
        """One upload; None also if it is in another region."""
        row = self._rows.get(number)
        return row if row and (row.account, row.region) == (account, region) else None

    def add(self, account: str, region: str, name: str, pem: str, key: str) -> ServerCertificate:
        """One more upload; the caller has checked chain and key."""
        number = self._cloud.counters.next("clb_certificate", 709_981_001)
        row = ServerCertificate(
            id=f"{account[-6:].lower()}_{number:x}_1714763408_{number}",
            account=account,
            region=region,
            name=name,
            material=self._cloud.resources.save_material(pem, key),
            pem=pem,
            created=time.time(),
        )
        self.save(row)
        return row

    def put(self, account: str, region: str, pem: str, key: str) -> ServerCertificate:
        """The first upload of this leaf, which is added if there is none."""
        same = self._same_leaf.get((account, region, read_facts(pem).sha256), {})
        return next(iter(same.values()), None) or self.add(account, region, "seeded", pem, key)

    def check_space(self, account: str, region: str) -> None:
        """Raises ApiError where the region takes no more uploads of this account."""
        limit = self._cloud.limits["clb"]
        if limit is not None and len(self._by_region.get((account, region), {})) >= limit:
            raise ApiError("CertificateQuotaExceeded", "The region takes no more certificates.")

    def check_unused(self, row: ServerCertificate, slots: list[SandboxResource]) -> None:
        """Raises ApiError where a listener, an additional domain or a route serves it."""
        used = [one for one in slots if one.attributes["certificate"] == row.id]
        routed = any(uses(row.account, row.id) for uses in self._cloud.users)
        if routed or any(not one.attributes["domain"] for one in used):
            raise ApiError(
                "CertificateAndPrivateKeyIsRefered",
                "The specified certificate is bound to listeners. You cannot delete it.",
            )
        if used:
            raise ApiError(
                "CertificateRelatedDomainExtensionExist",
                "The domainExtension related with this ServerCertificate exists.",
            )

    def save(self, row: ServerCertificate) -> None:
        """Saves an upload as it is now."""
        self._rows.save(row.id, row)
        self._index_row(row)

    def delete(self, row: ServerCertificate) -> None:
        """Deletes an upload."""
        self._rows.delete(row.id)
        del self._by_region[row.account, row.region][row.id]
        del self._same_leaf[row.account, row.region, row.facts.sha256][row.id]

    def _index_row(self, row: ServerCertificate) -> None:
        self._by_region.setdefault((row.account, row.region), {})[row.id] = row
        leaf = row.account, row.region, row.facts.sha256
        self._same_leaf.setdefault(leaf, {})[row.id] = row


_TABLES: WeakKeyDictionary[Cloud, ServerCertificates] = WeakKeyDictionary()


def get_server_certificates(cloud: Cloud) -> ServerCertificates:
    """The one table of a cloud: several products bind from it."""
    if cloud not in _TABLES:
        _TABLES[cloud] = ServerCertificates(cloud)
    return _TABLES[cloud]


def read_upload(params: Params) -> tuple[str, str]:
    """Chain and key of an upload; raises ApiError where they are not one."""
    pem, key = params.require("ServerCertificate"), params.require("PrivateKey")
    for text, name in ((pem, "ServerCertificate"), (key, "PrivateKey")):
        if any(not line.strip() for line in text.splitlines()):
            raise ApiError(f"InvalidParameter.{name}", f"The {name} is malformed.")
    try:
        read_facts(pem)
        matches = key_matches(pem, key)
    except ValueError:
        raise ApiError("CertificateFormatInvalid", "The certificate is malformed.") from None
    if not matches:
        raise ApiError("CertificateNotMatchPrivateKey", "The key is not the certificate's.")
    return pem, key
