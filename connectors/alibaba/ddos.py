"""Anti-DDoS Pro (mainland) and Premium (elsewhere): each website rule serves one certificate.

API: https://api.alibabacloud.com/document/ddoscoo/2020-01-01/AssociateWebCert

What it serves: one certificate for each website rule that has HTTPS among its protocols. A rule
shows only the name of its certificate. The name is looked up among the certificates that the
service offers for the domain, then in the store. A certificate that neither knows any more cannot
be restored.

How a certificate is bound: one call of `AssociateWebCert`, also for a first certificate. The last
certificate of a rule cannot be removed without HTTPS.

Unconfirmed: which of the two names of a certificate is the store's; both are tried, `UserCertName`
first, as its documentation says. Whether the same call sets SM certificates; none is offered to it.

Limits: no rate limit for changes and no propagation time is documented. Ten calls a second and
five minutes are this project's own choice.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.regions import list_halves, list_over_regions
from connectors.alibaba._bases.base import list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.certificates.hostnames import to_canonical
from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

MAX_PER_PAGE = 10
PAGE_SIZE = 50

Row = dict[str, Any]


class Ddos(StoredConnector):
    """Website rules."""

    title = "Anti-DDoS Pro and Premium"
    api = Api(
        ram="yundun-ddoscoo",
        version="2020-01-01",
        hosts=dict.fromkeys(Site, "ddoscoo.{region}.aliyuncs.com"),
        rules=(
            ErrorRule("DomainDoesNotMatchCert", Permanent),
            ErrorRule("DomainNotExist", Permanent),
            ErrorRule("DomainOwnerError", Permanent),
            ErrorRule("CAS.*", Permanent),
            ErrorRule("CheckGmSwitch", Permanent),
            ErrorRule("CheckOnlySwitch", Permanent),
        ),
    )
    scenarios = frozenset({Scenario.UPDATE})
    no_sm2 = "the service has no documented call that sets an SM certificate"
    permissions = (
        "yundun-ddoscoo:DescribeWebRules",
        "yundun-ddoscoo:DescribeCerts",
        "yundun-ddoscoo:AssociateWebCert",
        *PERMISSIONS,
    )
    queries_per_second = 10  # the listing may make 50
    calls_per_change = 6
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """Rules by ten, the most that the service gives at once; `read` tells what they serve."""
        return list_over_regions(list_halves(self._settings), page, PAGE_SIZE, self._list_in_half)

    def read(self, resource: Resource) -> Binding | None:
        """What the rule serves: by name alone where the name leads to no certificate any more."""
        names = _get_names(self._get_rule(resource))
        if not names:
            return None
        identifier = self._find_identifier(resource, names)
        return self.get_binding(identifier) if identifier else Binding(name=names[0])

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call, the same for a first certificate. Raises Permanent for None."""
        if ref is None:
            raise Permanent("a rule cannot be left without its certificate", code="NoWayToNone")
        self.client.call(
            "AssociateWebCert",
            body={
                "Domain": resource.detail["domain"],
                "CertIdentifier": ref.fields["identifier"],
            },
            region=resource.region,
        )

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the name that the rule shows is that of the certificate."""
        names = _get_names(self._get_rule(resource))
        if not names or ref is None:
            return not names and ref is None
        return self._find_identifier(resource, names) == ref.fields["identifier"]

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A rollback to no certificate, or to one whose name is unknown by now, is impossible."""
        if before is None:
            return "a website rule cannot be left without a certificate once it has one"
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists a rule and the certificates that it may take; setting is not tried."""
        return list_missing_permissions(
            [
                ("yundun-ddoscoo:DescribeWebRules", self._probe_each(lambda region, rule: None)),
                ("yundun-ddoscoo:DescribeCerts", self._probe_each(self._list_offered)),
                *self.list_store_probes(),
            ]
        )

    def _probe_each(self, probe: Callable[[str, str], object]) -> Callable[[], object]:
        """Probes with a rule's domain of each half in which there is one."""
        return lambda: [
            probe(region, rule["Domain"])
            for region in list_halves(self._settings)
            for rule in self._get_rules_page(region, 1, 1).get("WebRules") or []
        ]

    def _get_rules_page(self, region: str, number: int, size: int) -> Row:
        query = {"PageNumber": number, "PageSize": size}
        return self.client.call("DescribeWebRules", query, region=region)

    def _list_in_half(
        self, region: str, token: str | None
    ) -> tuple[Sequence[DiscoveredResource], str | None]:
        first = number = int(token or 1)
        found: list[DiscoveredResource] = []
        while True:
            reply = self._get_rules_page(region, number, MAX_PER_PAGE)
            found += [self._build_found(region, rule) for rule in reply.get("WebRules") or []]
            if number * MAX_PER_PAGE >= int(reply.get("TotalCount") or 0):
                return found, None
            number += 1
            if (number - first) * MAX_PER_PAGE >= PAGE_SIZE:
                return found, str(number)

    def _build_found(self, region: str, rule: Row) -> DiscoveredResource:
        written, name = rule["Domain"], to_canonical(rule["Domain"])
        ports = _get_https_ports(rule)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{name or written}",
            region=region,
            domains=(name,) if name else (),
            port=ports[0] if ports and 443 not in ports else 443,
            state=_get_state(rule),
            detail={"domain": written},
        )
        return DiscoveredResource(resource=resource, binding_known=not _get_names(rule))

    def _get_rule(self, resource: Resource) -> Row:
        domain = resource.detail["domain"]
        query = {
            "Domain": domain,
            "QueryDomainPattern": "exact",
            "PageNumber": 1,
            "PageSize": MAX_PER_PAGE,
        }
        reply = self.client.call("DescribeWebRules", query, region=resource.region)
        rules = [rule for rule in reply.get("WebRules") or [] if rule.get("Domain") == domain]
        if not rules:
            raise Permanent(f"there is no rule for {domain} any more", code="DomainNotExist")
        return dict(rules[0])

    def _list_offered(self, region: str, domain: str) -> list[Row]:
        reply = self.client.call("DescribeCerts", {"Domain": domain}, region=region)
        return reply.get("Certs") or []

    def _find_identifier(self, resource: Resource, names: list[str]) -> str | None:
        """Of the certificate with one of these names; None where nobody knows it any more."""
        offered = self._list_offered(resource.region, resource.detail["domain"])
        for name in names:
            for row in offered:
                if row.get("Name") == name and row.get("CertIdentifier"):
                    return str(row["CertIdentifier"])
        found = (self.cas.find_by_name(name) for name in names)
        return next((ref.fields["identifier"] for ref in found if ref), None)


def _get_names(rule: Row) -> list[str]:
    """What the certificate that a rule serves may be called, the likelier name first."""
    if not _get_https_ports(rule):
        return []
    names = (rule.get("UserCertName"), rule.get("CertName"))
    return [str(name) for name in dict.fromkeys(names) if name]


def _get_https_ports(rule: Row) -> list[int]:
    proxies = rule.get("ProxyTypes") or []
    secured = [one for one in proxies if one.get("ProxyType") == "https"]
    return [int(port) for one in secured for port in one.get("ProxyPorts") or []]


def _get_state(rule: Row) -> str:
    if rule.get("PunishStatus"):
        return "punished"
    return "online" if rule.get("ProxyEnabled", True) else "forwarding_off"
