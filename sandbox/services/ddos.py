"""Anti-DDoS Pro and Premium: website rules, each with one certificate, told by its name only.

Unconfirmed against the real cloud: which of the two names is the store's (here `UserCertName`, and
`CertName` is a name of the service's own), and the error codes for a rule without HTTPS and for a
certificate that does not exist.
"""

import time
from typing import Any

from sandbox.certificates import covers, key_matches, read
from sandbox.errors import CloudError, invalid, missing
from sandbox.options import SITE_REGIONS, Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call, Params, Service, operation
from sandbox.services._cas_fields import ms
from sandbox.services._identified import edge_names, identified
from sandbox.store import Certificate, bound_to

PAGE_LIMIT = 10
PROXIES = {"http": ["80"], "https": ["443"]}


class Ddos(Service):
    """API version 2020-01-01."""

    product = "ddos"
    version = "2020-01-01"

    @operation("DescribeDomains")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """The names of all website rules."""
        return {"Domains": [row.attributes["domain"] for row in self._rows(call)]}

    @operation("DescribeWebRules", resource="Domain")
    def list_rules(self, call: Call) -> dict[str, Any]:
        """One page of website rules, 10 at most, by a part of the name or by all of it."""
        page = call.params.number("PageNumber", 1, high=100_000)
        size = call.params.number("PageSize", PAGE_LIMIT, high=PAGE_LIMIT)
        name, exact = call.params.get("Domain", ""), _is_exact(call.params)
        rows = [
            row
            for row in self._rows(call)
            if (name == row.attributes["domain"] if exact else name in row.attributes["domain"])
        ]
        shown = rows[(page - 1) * size : page * size]
        return {
            "WebRules": [self._told(call.account, row) for row in shown],
            "TotalCount": len(rows),
        }

    @operation("DescribeCerts", resource="Domain")
    def list_certificates(self, call: Call) -> dict[str, Any]:
        """The certificates of the store that a domain may take, not the one that it serves."""
        domain = self._row(call).attributes["domain"]
        host = domain.removeprefix("*")
        rows = self.cloud.certificates.covering(call.account.access_key_id, host)
        shown = [_certificate(call.account, row) for row in rows if not row.facts.expired]
        return {"Certs": shown}

    @operation("AssociateWebCert", resource="Domain")
    def associate(self, call: Call) -> dict[str, Any]:
        """Bind a certificate of the store, or one given as PEM, which is put there."""
        row = self._row(call)
        binding = self._chosen(call)
        if "https" not in row.attributes["proxies"]:
            raise CloudError("HttpsProxyTypeNotExist", "The rule does not forward HTTPS.")
        pem = self.cloud.resources.material(binding["material"]).pem
        if not covers(read(pem).names, row.attributes["domain"].removeprefix("*")):
            raise CloudError("DomainDoesNotMatchCert", "The domain does not match the certificate.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"rules": [{"name", "region", "certificate", "proxies", "stored", ...}]}`.

        `certificate` is `{"pem", "key"}` or null; with `stored` false the store does not have it
        any more. `proxies` are "http" and "https"; `enabled` and `punished` are states.
        """
        for one in entry["rules"]:
            row = self._seeded(account, one)
            if not (keep and self.cloud.resources.get(row.service, row.account, row.name)):
                self.cloud.resources.add(row)
        return len(entry["rules"])

    def _seeded(self, account: Account, one: dict[str, Any]) -> Resource:
        domain, region = one["name"], one.get("region", account.region)
        proxies = one.get("proxies", [*PROXIES])
        if region not in SITE_REGIONS.values() or not set(proxies) <= PROXIES.keys():
            raise ValueError(f"{domain}: there is no such region or protocol")
        name, hosts = f"{region}/{domain}", edge_names((domain,))
        row = Resource(self.product, account.access_key_id, name, hosts, time.time())
        row.attributes = {
            "region": region,
            "domain": domain,
            "proxies": proxies,
            "enabled": one.get("enabled", True),
            "punished": one.get("punished", False),
        }
        if given := one.get("certificate"):
            stored = self.cloud.certificates.put(row.account, given["pem"], given["key"])
            row.binding = bound_to(stored)
            if not one.get("stored", True):
                self.cloud.certificates.drop(stored)
        return row

    def _rows(self, call: Call) -> list[Resource]:
        own = self.cloud.resources.of(self.product, call.account.access_key_id)
        return [row for row in own if row.attributes["region"] == call.region]

    def _row(self, call: Call) -> Resource:
        name = f"{call.region}/{call.params.need('Domain')}"
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None:
            raise CloudError("DomainNotExist", "The domain does not exist.")
        return row

    def _told(self, account: Account, row: Resource) -> dict[str, Any]:
        """A rule as DescribeWebRules lists it; of the certificate nothing but names."""
        binding, attributes = row.binding, row.attributes
        certificate = {
            "CertName": binding and f"ddoscoo-{binding['cert_id']}",
            "UserCertName": binding and binding["name"],
            "CertRegion": account.region,
        }
        return {
            "Domain": attributes["domain"],
            "Cname": f"{attributes['domain'].strip('*.')}.aliyunddos.example.net",
            "ProxyEnabled": attributes["enabled"],
            "ProxyTypes": [
                {"ProxyType": one, "ProxyPorts": PROXIES[one]} for one in attributes["proxies"]
            ],
            "PunishStatus": attributes["punished"],
            "RealServers": [{"RealServer": "192.0.2.1", "RsType": 0}],
            "SslProtocols": "tls1.0",
            "SslCiphers": "all",
            "Ssl13Enabled": False,
            "GmCert": {"GmEnable": 0, "GmOnly": 0},
            **(certificate if binding else {}),
        }

    def _chosen(self, call: Call) -> Binding:
        params = call.params
        if "CertIdentifier" in params and "CertId" in params:
            raise invalid("CertIdentifier")
        if "Cert" in params or "Key" in params:
            return bound_to(self._given(call))
        region = params.get("CertRegion", SITE_REGIONS["cn"])
        text = params.get("CertIdentifier") or f"{params.need('CertId')}-{region}"
        binding = identified(self.cloud, call.account, text)
        if binding is None:
            raise CloudError("CertNotExist", "The certificate does not exist.")
        return binding

    def _given(self, call: Call) -> Certificate:
        name, pem, key = (call.params.need(one) for one in ("CertName", "Cert", "Key"))
        try:
            matches = key_matches(pem, key)
        except ValueError:
            matches = False
        if not matches:
            raise invalid("Key")
        owner = call.account.access_key_id
        if self.cloud.certificates.by_name(owner, name) is not None:
            raise CloudError("CAS.NameRepeat", "The certificate name already exists.")
        return self.cloud.certificates.add(owner, name, pem, key)


SERVICE = Ddos


def _is_exact(params: Params) -> bool:
    pattern = params.get("QueryDomainPattern", "fuzzy")
    if pattern not in ("fuzzy", "exact"):
        raise invalid("QueryDomainPattern")
    if pattern == "exact" and not params.get("Domain"):
        raise missing("Domain")
    return pattern == "exact"


def _certificate(account: Account, row: Certificate) -> dict[str, Any]:
    facts = row.facts
    return {
        "CertIdentifier": f"{row.id}-{account.region}",
        "Id": row.id,
        "Name": row.name,
        "Common": facts.common_name,
        "DomainRelated": True,
        "Issuer": facts.issuer,
        "StartDate": str(ms(facts.not_before)),
        "EndDate": str(ms(facts.not_after)),
    }
