"""Web Application Firewall 3.0: domains added by CNAME, and an instance's default certificate.

API: https://api.alibabacloud.com/document/waf-openapi/2021-10-01/ModifyDomainCert

What it serves: one certificate for each domain with an HTTPS port, and the default certificate of
an instance. There is at most one instance for the mainland and one for the rest of the world; an
account may have both. Load balancers and servers that the firewall protects in place keep their
own certificates and are not listed here.

How a certificate is bound: `ModifyDomainCert` changes the certificate of a domain and
`ModifyDefaultHttps` the default one. The TLS settings are read first and sent back. HTTPS can be
neither switched on nor off without setting the whole domain anew, so a domain without an HTTPS
port gets no certificate.

Unconfirmed: whether TLS settings that are not sent are kept; how the ciphers of the default
certificate are written (JSON and commas are read); the largest page (50 is requested).

Limits: no rate limit and no propagation time is documented. Five calls a second and five minutes
are this project's own choice.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.regions import list_halves, list_over_regions
from connectors.alibaba._bases.base import list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector, to_hostnames
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.certificates.hostnames import to_canonical
from domain.errors import Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

PAGE_SIZE = 50
STATES = {
    1: "online",
    2: "creating",
    3: "online",  # a change is on its way
    4: "releasing",
    5: "forwarding_off",
}
NORMAL = 1
OWN_CIPHERS = "99"

Row = dict[str, Any]


class Waf(StoredConnector):
    """Domains and instance defaults of the firewall."""

    title = "Web Application Firewall (WAF) 3.0"
    api = Api(
        ram="yundun-waf",
        version="2021-10-01",
        hosts=dict.fromkeys(Site, "wafopenapi.{region}.aliyuncs.com"),
        rules=(
            ErrorRule("Waf.Pullin.ResourceProcessing", Transient),
            ErrorRule("11001", Transient),
            ErrorRule("Waf.Pullin.*", Permanent),
            ErrorRule("Business*", Permanent),
            ErrorRule("10900", Permanent),
        ),
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "yundun-waf:DescribeInstance",
        "yundun-waf:DescribeDomains",
        "yundun-waf:DescribeDomainDetail",
        "yundun-waf:ModifyDomainCert",
        "yundun-waf:DescribeDefaultHttps",
        "yundun-waf:ModifyDefaultHttps",
        *PERMISSIONS,
    )
    queries_per_second = 5
    calls_per_change = 5
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """50 domains a page; what they serve has to be read one by one."""
        return list_over_regions(list_halves(self._settings), page, PAGE_SIZE, self._list_in_half)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain, or the instance by default, serves; None without an HTTPS port."""
        return self.get_binding(self._get_tls(resource).get("CertId"))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call, with the TLS settings as they are. Raises Permanent for None."""
        if ref is None:
            raise Permanent("the firewall cannot switch HTTPS off alone", code="NoWayToNone")
        tls, instance = self._get_tls(resource), self._build_query(resource)
        suite = str(tls.get("CipherSuite") or "") or None
        query = {
            **instance,
            "CertId": ref.fields["identifier"],
            "TLSVersion": tls.get("TLSVersion"),
            "EnableTLSv3": tls.get("EnableTLSv3"),
            "CipherSuite": suite,
            "CustomCiphers": _parse_ciphers(tls) if suite == OWN_CIPHERS else None,
        }
        action = "ModifyDefaultHttps" if _is_default(resource) else "ModifyDomainCert"
        self.client.call(action, query, region=resource.region)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the change has been worked through, and the certificate is the one shown."""
        if _is_default(resource):
            shown = self._get_tls(resource).get("CertId")
        else:
            detail = self._get_detail(resource)
            if detail.get("Status") != NORMAL:
                return False
            shown = (detail.get("Listen") or {}).get("CertId")
        return (shown or None) == (ref.fields["identifier"] if ref else None)

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A rollback to no certificate, or to one that the store has lost, is impossible."""
        if before is None:
            return "the firewall cannot switch HTTPS off again without setting the domain anew"
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Reads instances, their defaults, and one domain of each; setting is not tried."""
        found: list[Row] = []

        def each(probe: Callable[[Row], object]) -> Callable[[], object]:
            return lambda: [probe(instance) for instance in found]

        return list_missing_permissions(
            [
                ("yundun-waf:DescribeInstance", lambda: found.extend(self._list_instances())),
                (
                    "yundun-waf:DescribeDomains",
                    each(lambda instance: self._get_domains_page(instance, 1, 1)),
                ),
                ("yundun-waf:DescribeDomainDetail", each(self._probe_domain)),
                ("yundun-waf:DescribeDefaultHttps", each(self._get_default)),
                *self.list_store_probes(),
            ]
        )

    def _list_instances(self) -> Iterator[Row]:
        for region in list_halves(self._settings):
            if found := self._find_instance(region):
                yield found

    def _find_instance(self, region: str) -> Row | None:
        """The parameters that name the instance of a half, None instance there is none."""
        reply = self.client.call("DescribeInstance", {"RegionId": region}, region=region)
        found = reply.get("InstanceId")
        return {"InstanceId": found, "RegionId": region} if found else None

    def _get_domains_page(self, instance: Row, number: int, size: int) -> Row:
        query = {**instance, "PageNumber": number, "PageSize": size}
        return self.client.call("DescribeDomains", query, region=instance["RegionId"])

    def _get_default(self, instance: Row) -> Row:
        reply = self.client.call("DescribeDefaultHttps", instance, region=instance["RegionId"])
        return reply.get("DefaultHttps") or {}

    def _probe_domain(self, instance: Row) -> None:
        for row in self._get_domains_page(instance, 1, 1).get("Domains") or []:
            query = {**instance, "Domain": row["Domain"]}
            self.client.call("DescribeDomainDetail", query, region=instance["RegionId"])

    def _list_in_half(
        self, region: str, token: str | None
    ) -> tuple[Sequence[DiscoveredResource], str | None]:
        instance, number = self._find_instance(region), int(token or 1)
        if instance is None:
            return [], None
        reply = self._get_domains_page(instance, number, PAGE_SIZE)
        found = [self._build_found(instance, row) for row in reply.get("Domains") or []]
        if number == 1:
            found += self._list_defaults(instance)
        more = number * PAGE_SIZE < int(reply.get("TotalCount") or 0)
        return found, str(number + 1) if more else None

    def _build_found(self, instance: Row, row: Row) -> DiscoveredResource:
        written, ports = row["Domain"], (row.get("ListenPorts") or {}).get("Https") or []
        name = to_canonical(written)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{instance['RegionId']}/{instance['InstanceId']}/{name or written}",
            region=instance["RegionId"],
            domains=(name,) if name else (),
            port=int(ports[0]) if ports and 443 not in ports else 443,
            state=STATES.get(row.get("Status") or NORMAL, "unknown"),
            detail={"instance": instance["InstanceId"], "domain": written},
        )
        return DiscoveredResource(resource=resource, binding_known=not ports)

    def _list_defaults(self, instance: Row) -> list[DiscoveredResource]:
        """The default certificate, for whoever names no domain; an instance may have none."""
        binding = self.get_binding(self._get_default(instance).get("CertId"))
        if binding is None:
            return []
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{instance['RegionId']}/{instance['InstanceId']}/default",
            region=instance["RegionId"],
            domains=to_hostnames(binding.names),
            detail={"instance": instance["InstanceId"]},
        )
        return [DiscoveredResource(resource=resource, binding=binding, binding_known=True)]

    def _build_query(self, resource: Resource) -> Row:
        instance = {"InstanceId": resource.detail["instance"], "RegionId": resource.region}
        return (
            instance if _is_default(resource) else instance | {"Domain": resource.detail["domain"]}
        )

    def _get_detail(self, resource: Resource) -> Row:
        query = self._build_query(resource)
        return self.client.call("DescribeDomainDetail", query, region=resource.region)

    def _get_tls(self, resource: Resource) -> Row:
        """Certificate and TLS settings: both slots name these fields alike."""
        if _is_default(resource):
            return self._get_default(self._build_query(resource))
        return self._get_detail(resource).get("Listen") or {}


def _is_default(resource: Resource) -> bool:
    return "domain" not in resource.detail


def _parse_ciphers(tls: Row) -> list[str]:
    found = tls.get("CustomCiphers") or []
    if isinstance(found, str):
        found = json.loads(found) if found.startswith("[") else found.split(",")
    return [str(one).strip() for one in found]
