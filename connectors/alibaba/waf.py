"""Web Application Firewall 3.0: domains added by CNAME, and an instance's default certificate.

There is at most one instance for the mainland and one for the rest of the world, and an account
may have both. A domain's certificate is changed alone, without its other settings; its TLS
settings are read first and sent along, since nobody has confirmed that what is not sent is kept.
A domain without an HTTPS port has no certificate, and gets none: HTTPS can be neither switched on
nor off without setting the whole domain anew. Load balancers and servers that the firewall watches
in their place keep their own certificates and are not listed here.

Unconfirmed, and kept here only: how the ciphers of the default certificate are written (read here
as JSON or with commas), and the largest page (50 is asked for). How many calls a second it takes,
and how long its nodes take to follow, is not documented: five calls and five minutes are this
project's own choice.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._api.regions import halves_of, page_over
from connectors.alibaba._bases.base import missing
from connectors.alibaba._bases.stored import StoredConnector, hosts
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.certificates.hostnames import canonical
from domain.errors import Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

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
            Rule("Waf.Pullin.ResourceProcessing", Transient),
            Rule("11001", Transient),
            Rule("Waf.Pullin.*", Permanent),
            Rule("Business*", Permanent),
            Rule("10900", Permanent),
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
        return page_over(halves_of(self._settings), page, PAGE_SIZE, self._found_in)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain, or the instance by default, serves; None without an HTTPS port."""
        return self.served(self._tls(resource).get("CertId"))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call, with the TLS settings as they are. Raises Permanent for None."""
        if ref is None:
            raise Permanent("the firewall cannot switch HTTPS off alone", code="NoWayToNone")
        tls, where = self._tls(resource), self._where(resource)
        suite = str(tls.get("CipherSuite") or "") or None
        query = {
            **where,
            "CertId": ref.fields["identifier"],
            "TLSVersion": tls.get("TLSVersion"),
            "EnableTLSv3": tls.get("EnableTLSv3"),
            "CipherSuite": suite,
            "CustomCiphers": _ciphers(tls) if suite == OWN_CIPHERS else None,
        }
        action = "ModifyDefaultHttps" if _is_default(resource) else "ModifyDomainCert"
        self.client.call(action, query, region=resource.region)

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the change has been worked through, and the certificate is the one shown."""
        if _is_default(resource):
            shown = self._tls(resource).get("CertId")
        else:
            detail = self._detail(resource)
            if detail.get("Status") != NORMAL:
                return False
            shown = (detail.get("Listen") or {}).get("CertId")
        return (shown or None) == (ref.fields["identifier"] if ref else None)

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is no way to no certificate, nor to one that is gone from the store."""
        if before is None:
            return "the firewall cannot switch HTTPS off again without setting the domain anew"
        return super().not_reversible(resource, before)

    def check(self) -> list[str]:
        """Reads instances, their defaults, and one domain of each; setting is not tried."""
        found: list[Row] = []

        def each(probe: Callable[[Row], object]) -> Callable[[], object]:
            return lambda: [probe(where) for where in found]

        return missing(
            [
                ("yundun-waf:DescribeInstance", lambda: found.extend(self._instances())),
                ("yundun-waf:DescribeDomains", each(lambda where: self._list(where, 1, 1))),
                ("yundun-waf:DescribeDomainDetail", each(self._read_any)),
                ("yundun-waf:DescribeDefaultHttps", each(self._default)),
                *self.probe_store(),
            ]
        )

    def _instances(self) -> Iterator[Row]:
        for region in halves_of(self._settings):
            if found := self._instance(region):
                yield found

    def _instance(self, region: str) -> Row | None:
        """The parameters that name the instance of a half, None where there is none."""
        reply = self.client.call("DescribeInstance", {"RegionId": region}, region=region)
        found = reply.get("InstanceId")
        return {"InstanceId": found, "RegionId": region} if found else None

    def _list(self, where: Row, number: int, size: int) -> Row:
        query = {**where, "PageNumber": number, "PageSize": size}
        return self.client.call("DescribeDomains", query, region=where["RegionId"])

    def _default(self, where: Row) -> Row:
        reply = self.client.call("DescribeDefaultHttps", where, region=where["RegionId"])
        return reply.get("DefaultHttps") or {}

    def _read_any(self, where: Row) -> None:
        for row in self._list(where, 1, 1).get("Domains") or []:
            query = {**where, "Domain": row["Domain"]}
            self.client.call("DescribeDomainDetail", query, region=where["RegionId"])

    def _found_in(self, region: str, token: str | None) -> tuple[Sequence[Found], str | None]:
        where, number = self._instance(region), int(token or 1)
        if where is None:
            return [], None
        reply = self._list(where, number, PAGE_SIZE)
        found = [self._domain(where, row) for row in reply.get("Domains") or []]
        if number == 1:
            found += self._defaults(where)
        more = number * PAGE_SIZE < int(reply.get("TotalCount") or 0)
        return found, str(number + 1) if more else None

    def _domain(self, where: Row, row: Row) -> Found:
        written, ports = row["Domain"], (row.get("ListenPorts") or {}).get("Https") or []
        name = canonical(written)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{where['RegionId']}/{where['InstanceId']}/{name or written}",
            region=where["RegionId"],
            domains=(name,) if name else (),
            port=int(ports[0]) if ports and 443 not in ports else 443,
            state=STATES.get(row.get("Status") or NORMAL, "unknown"),
            detail={"instance": where["InstanceId"], "domain": written},
        )
        return Found(resource=resource, binding_known=not ports)

    def _defaults(self, where: Row) -> list[Found]:
        """The default certificate, for whoever names no domain; an instance may have none."""
        binding = self.served(self._default(where).get("CertId"))
        if binding is None:
            return []
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{where['RegionId']}/{where['InstanceId']}/default",
            region=where["RegionId"],
            domains=hosts(binding.names),
            detail={"instance": where["InstanceId"]},
        )
        return [Found(resource=resource, binding=binding, binding_known=True)]

    def _where(self, resource: Resource) -> Row:
        where = {"InstanceId": resource.detail["instance"], "RegionId": resource.region}
        return where if _is_default(resource) else where | {"Domain": resource.detail["domain"]}

    def _detail(self, resource: Resource) -> Row:
        query = self._where(resource)
        return self.client.call("DescribeDomainDetail", query, region=resource.region)

    def _tls(self, resource: Resource) -> Row:
        """Certificate and TLS settings: both slots name these fields alike."""
        if _is_default(resource):
            return self._default(self._where(resource))
        return self._detail(resource).get("Listen") or {}


def _is_default(resource: Resource) -> bool:
    return "domain" not in resource.detail


def _ciphers(tls: Row) -> list[str]:
    told = tls.get("CustomCiphers") or []
    if isinstance(told, str):
        told = json.loads(told) if told.startswith("[") else told.split(",")
    return [str(one).strip() for one in told]
