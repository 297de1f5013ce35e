"""Accelerated domains, which CDN and DCDN read and bind alike, each in its own words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.leaf import Leaf, read_leaf
from connectors.alibaba._bases.base import AlibabaConnector, missing
from connectors.alibaba._bases.sm_slot import RECORDED, UNKNOWN, UNPROVEN, SmSlot, domains, is_sm
from connectors.alibaba._stores.cas import reference
from domain.certificates.hostnames import canonical
from domain.certificates.keys import Algorithm
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

PAGE_SIZE = 500
USABLE = ("online", "configuring", "configure_failed")

Row = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """How a product calls its operations, and the fields that differ.

    `listed` and `switch` tell "on" or "off" in the listing and in what is read, `pem` the chain.
    """

    product: str
    list: str
    read: str
    bind: str
    bind_sm: str
    listed: str
    switch: str
    pem: str


class DomainsConnector(AlibabaConnector):
    """Domains that serve one certificate, or none, and beside it an SM2 pair, or none.

    The slots for SM2 pairs are listed only if the account asks for them.
    """

    words: ClassVar[Words]
    scenarios = frozenset(Scenario)
    algorithms = frozenset(Algorithm)
    propagation = timedelta(minutes=5)

    def prepare(self) -> None:
        """The slots beside the usual ones."""
        self._sm = SmSlot(self.client, self.words.bind_sm, self.words.list, self.memory)

    def discover(self, page: str | None = None) -> Page:
        """500 domains a page. The listing tells whether HTTPS is on, not what is served."""
        number = int(page or 1)
        reply = self._list(number, PAGE_SIZE)
        total = int(reply.get("TotalCount") or 0)
        slots = 2 if self._settings.sm_slots else 1
        return Page(
            found=tuple(found for row in domains(reply) for found in self._slots(row)[:slots]),
            next=str(number + 1) if number * PAGE_SIZE < total else None,
            total=total * slots,
        )

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves, by the certificate that the service shows."""
        if is_sm(resource):
            return self._sm.read(resource)
        info = self._info(resource.detail["domain"])
        return None if info is None else self._binding(info)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call sets the certificate, or switches HTTPS off; the same for a first one."""
        if is_sm(resource):
            self._sm.bind(resource, ref)
            return
        query: dict[str, object] = {"DomainName": resource.detail["domain"], "SSLProtocol": "off"}
        if ref is not None:
            query |= {
                "SSLProtocol": "on",
                "CertType": "cas",
                "CertId": ref.fields["cert_id"],
                "CertRegion": ref.fields["region"],
            }
        self.client.call(self.words.bind, query)

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        if is_sm(resource):
            return self._sm.settled(resource)
        info = self._info(resource.detail["domain"])
        if info is None or ref is None:
            return info is None and ref is None
        return str(info.get("CertId")) == ref.fields["cert_id"]

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate that lies in the service alone cannot be named again."""
        if is_sm(resource) and before is None:
            return UNKNOWN
        if before is not None and before.ref is None:
            product = self.words.product
            return f"it serves a certificate that lies in the {product} alone, not in the store"
        return None

    def unproven(self, resource: Resource) -> str | None:
        """Nothing shows an SM2 pair at work."""
        return UNPROVEN if is_sm(resource) else None

    def warnings(self, resource: Resource, before: Binding | None) -> tuple[str, ...]:
        """What is told of an SM2 pair may be out of date."""
        return (RECORDED,) if is_sm(resource) and before is not None else ()

    def check(self) -> list[str]:
        """Lists domains and reads one; setting is not tried."""
        readers = [
            (f"{self.api.ram}:{self.words.list}", lambda: self._list(1, 1)),
            (f"{self.api.ram}:{self.words.read}", self._read_any),
        ]
        return missing([*readers, *self.probe_store()])

    def _list(self, number: int, size: int) -> Row:
        query = {"PageNumber": number, "PageSize": size, "CheckDomainShow": True}
        return self.client.call(self.words.list, query)

    def _read_any(self) -> None:
        for row in domains(self._list(1, 1)):
            self._info(row["DomainName"])

    def _slots(self, row: Row) -> tuple[Found, Found]:
        """The domain, and its slot for an SM2 pair."""
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
        off = row.get(self.words.listed) == "off"
        return Found(resource=resource, binding_known=off), self._sm.beside(resource, https=not off)

    def _info(self, domain: str) -> Row | None:
        reply = self.client.call(self.words.read, {"DomainName": domain})
        infos = (reply.get("CertInfos") or {}).get("CertInfo") or []
        shown = [info for info in infos if info.get(self.words.switch) == "on"]
        return shown[0] if shown else None

    def _binding(self, info: Row) -> Binding:
        leaf = read_leaf(info.get(self.words.pem) or "")
        return Binding(
            fingerprint=leaf.fingerprint if leaf else None,
            ref=self._ref(info, leaf),
            name=info.get("CertName") or None,
            names=leaf.names if leaf else (),
            not_after=leaf.not_after if leaf else _time(info.get("CertExpireTime")),
            algorithm=leaf.algorithm if leaf else None,
            issuer=leaf.issuer if leaf else None,
        )

    def _ref(self, info: Row, leaf: Leaf | None) -> CertificateRef | None:
        cert_id = info.get("CertId")
        if info.get("CertType") == "cas" and cert_id:
            return reference(str(cert_id), Site.of_region(info.get("CertRegion") or ""))
        return self.cas.find(leaf) if leaf else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
