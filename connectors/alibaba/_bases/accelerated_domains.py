"""Accelerated domains: the base of CDN and DCDN, which differ only in names."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.leaf import Leaf, read_leaf
from connectors.alibaba._bases.base import AlibabaConnector, list_missing_permissions
from connectors.alibaba._bases.sm_slot import (
    OWN_RECORD,
    UNKNOWN_BEFORE,
    UNVERIFIABLE,
    SmSlot,
    get_domains,
    is_sm_slot,
)
from connectors.alibaba._stores.cas import build_reference
from domain.certificates.hostnames import to_canonical
from domain.certificates.keys import Algorithm
from domain.resources.connector import ChangeWarning, Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

PAGE_SIZE = 500
USABLE = ("online", "configuring", "configure_failed")

Row = dict[str, Any]


@dataclass(frozen=True)
class DomainOperations:
    """The names of a product's operations, and of the fields that differ.

    `listed_switch` and `switch` are the fields with "on" or "off" in the listing and in the answer
    of `read`. `pem` is the field with the chain.
    """

    product: str
    list: str
    read: str
    bind: str
    bind_sm: str
    listed_switch: str
    switch: str
    pem: str


class DomainsConnector(AlibabaConnector):
    """Domains with one certificate or none, and with one SM2 pair or none.

    The slots for SM2 pairs are listed only if the account asks for them.
    """

    operations: ClassVar[DomainOperations]
    scenarios = frozenset(Scenario)
    algorithms = frozenset(Algorithm)
    propagation = timedelta(minutes=5)

    def prepare(self) -> None:
        """The slots beside the usual ones."""
        self._sm = SmSlot(
            self.client, self.operations.bind_sm, self.operations.list, self.last_bindings
        )

    def discover(self, page: str | None = None) -> Page:
        """500 domains a page. The listing shows whether HTTPS is on, not what is served."""
        number = int(page or 1)
        reply = self._list_page(number, PAGE_SIZE)
        total = int(reply.get("TotalCount") or 0)
        slots = 2 if self._settings.sm_slots else 1
        return Page(
            resources=tuple(
                found for row in get_domains(reply) for found in self._build_slots(row)[:slots]
            ),
            next=str(number + 1) if number * PAGE_SIZE < total else None,
            total=total * slots,
        )

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves, by the certificate that the service shows."""
        if is_sm_slot(resource):
            return self._sm.read(resource)
        info = self._get_info(resource.detail["domain"])
        return None if info is None else self._to_binding(info)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call sets the certificate, or switches HTTPS off; the same for a first one."""
        if is_sm_slot(resource):
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
        self.client.call(self.operations.bind, query)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        if is_sm_slot(resource):
            return self._sm.has_arrived(resource)
        info = self._get_info(resource.detail["domain"])
        if info is None or ref is None:
            return info is None and ref is None
        return str(info.get("CertId")) == ref.fields["cert_id"]

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate that only the service has cannot be named again."""
        if is_sm_slot(resource) and before is None:
            return UNKNOWN_BEFORE
        if before is not None and before.ref is None:
            product = self.operations.product
            return f"it serves a certificate that only the {product} has, not the store"
        return None

    def explain_unverifiable(self, resource: Resource) -> str | None:
        """No handshake shows an SM2 pair."""
        return UNVERIFIABLE if is_sm_slot(resource) else None

    def list_warnings(
        self, resource: Resource, before: Binding | None
    ) -> tuple[ChangeWarning, ...]:
        """Our own record of an SM2 pair may be out of date."""
        return (OWN_RECORD,) if is_sm_slot(resource) and before is not None else ()

    def check(self) -> list[str]:
        """Lists domains and reads one; setting is not tried."""
        readers = [
            (f"{self.api.ram}:{self.operations.list}", lambda: self._list_page(1, 1)),
            (f"{self.api.ram}:{self.operations.read}", self._read_any),
        ]
        return list_missing_permissions([*readers, *self.list_store_probes()])

    def _list_page(self, number: int, size: int) -> Row:
        query = {"PageNumber": number, "PageSize": size, "CheckDomainShow": True}
        return self.client.call(self.operations.list, query)

    def _read_any(self) -> None:
        for row in get_domains(self._list_page(1, 1)):
            self._get_info(row["DomainName"])

    def _build_slots(self, row: Row) -> tuple[DiscoveredResource, DiscoveredResource]:
        """The domain, and its slot for an SM2 pair."""
        domain, state = row["DomainName"], row.get("DomainStatus") or "online"
        written = f"*{domain}" if domain.startswith(".") else domain
        name = to_canonical(written)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=name or written,
            domains=(name,) if name else (),
            state="online" if state in USABLE else state,
            detail={"domain": domain},
        )
        off = row.get(self.operations.listed_switch) == "off"
        return DiscoveredResource(resource=resource, binding_known=off), self._sm.build_found(
            resource, https=not off
        )

    def _get_info(self, domain: str) -> Row | None:
        reply = self.client.call(self.operations.read, {"DomainName": domain})
        infos = (reply.get("CertInfos") or {}).get("CertInfo") or []
        shown = [info for info in infos if info.get(self.operations.switch) == "on"]
        return shown[0] if shown else None

    def _to_binding(self, info: Row) -> Binding:
        leaf = read_leaf(info.get(self.operations.pem) or "")
        return Binding(
            fingerprint=leaf.fingerprint if leaf else None,
            ref=self._find_ref(info, leaf),
            name=info.get("CertName") or None,
            names=leaf.names if leaf else (),
            not_after=leaf.not_after if leaf else _parse_time(info.get("CertExpireTime")),
            algorithm=leaf.algorithm if leaf else None,
            issuer=leaf.issuer if leaf else None,
        )

    def _find_ref(self, info: Row, leaf: Leaf | None) -> CertificateRef | None:
        cert_id = info.get("CertId")
        if info.get("CertType") == "cas" and cert_id:
            return build_reference(str(cert_id), Site.from_region(info.get("CertRegion") or ""))
        return self.cas.find(leaf) if leaf else None


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
