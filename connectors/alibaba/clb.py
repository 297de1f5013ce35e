"""Classic Load Balancer (CLB): the default certificate of HTTPS listeners, and additional domains.

API: https://api.alibabacloud.com/document/Slb/2014-05-15/SetLoadBalancerHTTPSListenerAttribute

What it serves: one default certificate for each listener, and one for each additional domain. The
service does not tell which names a listener answers to. The names of its default certificate stand
for them, without those that an additional domain answers to.

How a certificate is bound: each region has its own certificate store.
`SetLoadBalancerHTTPSListenerAttribute` sets the default certificate and
`SetDomainExtensionAttribute` that of an additional domain, by id. A former certificate stays in
the store, so a rollback sets its id again. Additional domains are never added or deleted. A change
is made at once, without a job, and a load balancer takes one change at a time.

Unconfirmed: see `connectors/alibaba/_bases/clb_store.py`.

Limits: instances of shared performance do not let the certificate of an additional domain be
replaced. No rate limit and no propagation time is documented. Ten calls a second and one minute
are this project's own choice.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property, partial

from connectors.alibaba._api import quotas as quotas
from connectors.alibaba._api.regions import list_over_regions, list_regions
from connectors.alibaba._api.tags import to_tags
from connectors.alibaba._bases.base import AlibabaConnector, Probe, list_missing_permissions
from connectors.alibaba._bases.clb_store import (
    API,
    DELETE,
    PERMISSIONS,
    ClbStore,
    Row,
    build_lock_key,
)
from connectors.alibaba._bases.stored import to_hostnames
from connectors.alibaba._stores.clb_users import SlotUsers
from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import covers
from domain.errors import Permanent
from domain.resources.connector import OpenKey, Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

PAGE_SIZE = 100
DEFAULT = "default"
LIMIT = ("slb", "slb_quota_certs_num")  # of server certificates in one region, as documented


class Clb(AlibabaConnector):
    """Slots of HTTPS listeners."""

    title = "Classic Load Balancer (CLB)"
    api = API
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "slb:DescribeRegions",
        "slb:DescribeLoadBalancerListeners",
        "slb:DescribeDomainExtensions",
        "slb:DescribeLoadBalancerHTTPSListenerAttribute",
        "slb:SetLoadBalancerHTTPSListenerAttribute",
        "slb:SetDomainExtensionAttribute",
        *PERMISSIONS,
        f"{API.ram}:{DELETE}",
        *quotas.PERMISSIONS,
    )
    queries_per_second = 10
    calls_per_change = 4
    propagation = timedelta(minutes=1)

    def prepare(self) -> None:
        """The certificates of each region."""
        super().prepare()
        self.certificates = ClbStore(self.client)
        self._slot_users = SlotUsers(self._list_slots)
        pace = self.rate_limits(quotas.RATE_BUDGET, quotas.CALLS_PER_SECOND)
        self.quotas = quotas.QuotaCenter(self._settings, pace)

    def discover(self, page: str | None = None) -> Page:
        """The slots of a hundred listeners a page, with what they serve."""
        return list_over_regions(self._regions, page, PAGE_SIZE, self._list_slots)

    def read(self, resource: Resource) -> Binding | None:
        """What the slot serves; None where its additional domain was deleted."""
        number = self._get_certificate_id(resource)
        return self.certificates.get_binding(number, resource.region)

    def store_name(self, resource: Resource) -> str:
        """The certificates of the listener's region."""
        return self.certificates.build_name(resource.region)

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Finds it in the listener's region, else uploads it there."""
        return self.certificates.install(certificate, key, resource.region)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call replaces the certificate of the slot. None raises Permanent."""
        if ref is None:
            raise Permanent("an HTTPS listener always has a certificate", code="AlwaysOn")
        ids = resource.detail
        change: dict[str, object] = {
            "RegionId": resource.region,
            "ServerCertificateId": ref.fields["server_certificate_id"],
        }
        if "extension" in ids:
            action = "SetDomainExtensionAttribute"
            change["DomainExtensionId"] = ids["extension"]
        else:
            action = "SetLoadBalancerHTTPSListenerAttribute"
            change |= {"LoadBalancerId": ids["load_balancer"], "ListenerPort": resource.port}
        self.client.call(action, change, region=resource.region)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the slot has the certificate."""
        return (
            ref is not None
            and self._get_certificate_id(resource) == ref.fields["server_certificate_id"]
        )

    def in_use_by(self, ref: CertificateRef) -> str | None:
        """Names a slot that serves it, out of all listeners of its region."""
        user = self._slot_users.find_slot(ref)
        return f"a listener serves it: {user}" if user else None

    def remove(self, ref: CertificateRef) -> None:
        """Removes it, unless a listener uses it."""
        self.certificates.remove(ref)

    def get_free_space(self, store: str) -> int | None:
        """The quota of its region minus the certificates in it."""
        limit = self.quotas.get_limit(*LIMIT)
        return (
            None if limit is None else limit - len(self.certificates.list_rows(_get_region(store)))
        )

    def find_in_store(self, store: str, certificate: Certificate) -> CertificateRef | None:
        """The reference of it in its region."""
        return self.certificates.find(certificate, _get_region(store))

    def get_lock_key(self, resource: Resource) -> str:
        """A load balancer is busy while one of its listeners is changed."""
        return build_lock_key(resource.region, resource.detail["load_balancer"])

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is always a former certificate."""
        if before is None:
            return "an HTTPS listener always has a certificate: a rollback to none is impossible"
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Reads one listener; changes nothing."""
        return list_missing_permissions(self._list_probes())

    @cached_property
    def _regions(self) -> list[str]:
        return list_regions(self._settings, self._list_regions)

    def _list_regions(self) -> list[str]:
        reply = self.client.call("DescribeRegions", region=self._settings.site.region)
        return [row["RegionId"] for row in (reply.get("Regions") or {}).get("Region") or []]

    def _list_slots(
        self, region: str, token: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        reply = self._get_listeners_page(region, token, PAGE_SIZE)
        rows = reply.get("Listeners") or []
        known = self.certificates.list_bindings(region) if rows else {}
        found = [slot for row in rows for slot in self._build_slots(region, row, known)]
        return found, reply.get("NextToken") or None

    def _get_listeners_page(self, region: str, token: str | None, size: int) -> Row:
        query = {
            "RegionId": region,
            "ListenerProtocol": "https",
            "MaxResults": size,
            "NextToken": token,
        }
        return self.client.call("DescribeLoadBalancerListeners", query, region=region)

    def _build_slots(
        self, region: str, row: Row, known: Mapping[str, Binding]
    ) -> Iterator[DiscoveredResource]:
        extensions = self._list_extensions(region, row)
        added = to_hostnames(tuple(str(one["Domain"]) for one in extensions))
        number = (row.get("HTTPSListenerConfig") or {}).get("ServerCertificateId")
        binding = self.certificates.get_binding(number, region, known)
        own = to_hostnames(binding.names) if binding else ()
        left = tuple(name for name in own if not any(covers(one, name) for one in added))
        row_tags = to_tags(row.get("Tags"), "TagKey", "TagValue")
        yield DiscoveredResource(
            resource=self._build_resource(region, row, DEFAULT, left or own),
            binding=binding,
            binding_known=True,
            tags=row_tags,
        )
        for one in extensions:
            domain = str(one["Domain"])
            resource = self._build_resource(
                region,
                row,
                f"sni/{domain}",
                to_hostnames((domain,)),
                extension=one["DomainExtensionId"],
            )
            binding = self.certificates.get_binding(one["ServerCertificateId"], region, known)
            yield DiscoveredResource(
                resource=resource, binding=binding, binding_known=True, tags=row_tags
            )

    def _build_resource(
        self, region: str, row: Row, slot: str, domains: tuple[str, ...], **ids: str
    ) -> Resource:
        balancer, port = row["LoadBalancerId"], int(row["ListenerPort"])
        state = row.get("Status") or "running"
        return Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{balancer}/{port}/{slot}",
            region=region,
            domains=domains,
            slot=slot.partition("/")[0],
            port=port,
            state="online" if state == "running" else state,
            detail={"load_balancer": balancer, **ids},
        )

    def _list_extensions(self, region: str, row: Row) -> list[Row]:
        query = {
            "RegionId": region,
            "LoadBalancerId": row["LoadBalancerId"],
            "ListenerPort": row["ListenerPort"],
        }
        reply = self.client.call("DescribeDomainExtensions", query, region=region)
        return (reply.get("DomainExtensions") or {}).get("DomainExtension") or []

    def _get_attribute(self, region: str, balancer: str, port: int) -> Row:
        query = {"RegionId": region, "LoadBalancerId": balancer, "ListenerPort": port}
        action = "DescribeLoadBalancerHTTPSListenerAttribute"
        return self.client.call(action, query, region=region)

    def _get_certificate_id(self, resource: Resource) -> str | None:
        ids = resource.detail
        row = self._get_attribute(resource.region, ids["load_balancer"], resource.port)
        if "extension" in ids:
            extensions = (row.get("DomainExtensions") or {}).get("DomainExtension") or []
            same = (one for one in extensions if one["DomainExtensionId"] == ids["extension"])
            row = next(same, {})
        return row.get("ServerCertificateId") or None

    def _list_probes(self) -> Iterator[Probe]:
        region = (*self._settings.regions, self._settings.site.region)[0]
        listeners: list[Row] = []
        yield "slb:DescribeRegions", self._list_regions
        yield (
            "slb:DescribeLoadBalancerListeners",
            lambda: listeners.extend(
                self._get_listeners_page(region, None, 1).get("Listeners") or []
            ),
        )
        for row in listeners:
            yield "slb:DescribeDomainExtensions", partial(self._list_extensions, region, row)
            one = row["LoadBalancerId"], int(row["ListenerPort"])
            yield (
                "slb:DescribeLoadBalancerHTTPSListenerAttribute",
                partial(self._get_attribute, region, *one),
            )
        yield "slb:DescribeServerCertificates", partial(self.certificates.list_rows, region)
        yield quotas.PERMISSIONS[0], partial(self.quotas.get_limit, *LIMIT)


def _get_region(store: str) -> str:
    return store.partition("/")[2]
