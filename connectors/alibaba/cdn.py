"""Alibaba Cloud CDN: each accelerated domain serves one certificate, or none.

A wildcard domain is written ".example.com" by the service and "*.example.com" here. A domain that
serves a certificate of the store is restored by that certificate's id; one without HTTPS by
switching HTTPS off again. A certificate that was uploaded to the CDN alone, or is the CDN's own
free one, can be restored only if the same certificate also lies in the store.

Domains that are offline, under review or being deleted are listed with their state and take no
certificate; "online" here also stands for domains whose configuration is being spread.

The service says at once that it serves a new certificate; its nodes follow. How long they take is
not documented: five minutes is this project's own choice.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.alibaba._account import Site
from connectors.alibaba._base import AlibabaConnector, missing
from connectors.alibaba._cas_store import PERMISSIONS, reference
from connectors.alibaba._client import Api
from connectors.alibaba._errors import Rule
from connectors.alibaba._leaf import Leaf, read_leaf
from domain.connector import Scenario
from domain.errors import Permanent
from domain.names import canonical
from domain.resource import Binding, CertificateRef, Found, Page, Resource

PAGE_SIZE = 500
USABLE = ("online", "configuring", "configure_failed")

Row = dict[str, Any]


class Cdn(AlibabaConnector):
    """Domains of the CDN."""

    title = "Content Delivery Network (CDN)"
    api = Api(
        ram="cdn",
        version="2018-05-10",
        hosts={Site.CN: "cdn.aliyuncs.com", Site.INTL: "cdn.ap-southeast-1.aliyuncs.com"},
        rules=(Rule("IllegalOperation", Permanent), Rule("InvalidDomain.NotFound", Permanent)),
    )
    scenarios = frozenset(Scenario)
    permissions = (
        "cdn:DescribeUserDomains",
        "cdn:DescribeDomainCertificateInfo",
        "cdn:SetCdnDomainSSLCertificate",
        *PERMISSIONS,
    )
    queries_per_second = 30  # of the setter, as documented; the two readers may make 100
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """500 domains a page. The listing tells whether HTTPS is on, not what is served."""
        number = int(page or 1)
        reply = self._list(number, PAGE_SIZE)
        total = int(reply.get("TotalCount") or 0)
        return Page(
            found=tuple(self._found(row) for row in _domains(reply)),
            next=str(number + 1) if number * PAGE_SIZE < total else None,
            total=total,
        )

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves, by the certificate that the service shows."""
        info = self._info(resource.detail["domain"])
        return None if info is None else self._binding(info)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call sets the certificate, or switches HTTPS off; the same for a first one."""
        query: dict[str, object] = {"DomainName": resource.detail["domain"], "SSLProtocol": "off"}
        if ref is not None:
            query |= {
                "SSLProtocol": "on",
                "CertType": "cas",
                "CertId": ref.fields["cert_id"],
                "CertRegion": ref.fields["region"],
            }
        self.client.call("SetCdnDomainSSLCertificate", query)

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        info = self._info(resource.detail["domain"])
        if info is None or ref is None:
            return info is None and ref is None
        return str(info.get("CertId")) == ref.fields["cert_id"]

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate that lies in the CDN alone cannot be named again."""
        if before is not None and before.ref is None:
            return "it serves a certificate that lies in the CDN alone, not in the store"
        return None

    def check(self) -> list[str]:
        """Lists domains and reads one; setting is not tried."""
        readers = [
            ("cdn:DescribeUserDomains", lambda: self._list(1, 1)),
            ("cdn:DescribeDomainCertificateInfo", self._read_any),
        ]
        return missing([*readers, *self.probe_store()])

    def _list(self, number: int, size: int) -> Row:
        query = {"PageNumber": number, "PageSize": size, "CheckDomainShow": True}
        return self.client.call("DescribeUserDomains", query)

    def _read_any(self) -> None:
        for row in _domains(self._list(1, 1)):
            self._info(row["DomainName"])

    def _found(self, row: Row) -> Found:
        domain, state = row["DomainName"], row.get("DomainStatus") or "online"
        written = f"*{domain}" if domain.startswith(".") else domain
        name = canonical(written)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=name or written,
            domains=(name,) if name else (),
            state="online" if state in USABLE else state,
            detail={"domain": domain},
        )
        return Found(resource=resource, binding_known=row.get("SslProtocol") == "off")

    def _info(self, domain: str) -> Row | None:
        reply = self.client.call("DescribeDomainCertificateInfo", {"DomainName": domain})
        infos = (reply.get("CertInfos") or {}).get("CertInfo") or []
        shown = [info for info in infos if info.get("ServerCertificateStatus") == "on"]
        return shown[0] if shown else None

    def _binding(self, info: Row) -> Binding:
        leaf = read_leaf(info.get("ServerCertificate") or "")
        return Binding(
            fingerprint=leaf.fingerprint if leaf else None,
            ref=self._ref(info, leaf),
            name=info.get("CertName") or None,
            names=leaf.names if leaf else (),
            not_after=leaf.not_after if leaf else _time(info.get("CertExpireTime")),
        )

    def _ref(self, info: Row, leaf: Leaf | None) -> CertificateRef | None:
        cert_id = info.get("CertId")
        if info.get("CertType") == "cas" and cert_id:
            return reference(str(cert_id), Site.of_region(info.get("CertRegion") or ""))
        return self.cas.find(leaf) if leaf else None


def _domains(reply: Row) -> list[Row]:
    return (reply.get("Domains") or {}).get("PageData") or []


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
