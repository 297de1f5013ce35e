"""Anti-DDoS Pro and Premium: website rules, each with one certificate, shown by name only.

Unconfirmed against the real cloud: which of the two names is the store's (here `UserCertName`, and
`CertName` is a name of the service's own), and the error codes for a rule without HTTPS and for a
certificate that does not exist.
"""

import time
from typing import Any

from sandbox.certificates import covers, key_matches, read_facts
from sandbox.errors import ApiError, build_invalid_error, build_missing_error
from sandbox.options import SITE_REGIONS, SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import Params, Service, ServiceCall, operation
from sandbox.services._cas_fields import to_milliseconds
from sandbox.services._identified import find_binding, to_edge_names
from sandbox.store import StoredCertificate, build_binding

PAGE_LIMIT = 10
PROXIES = {"http": ["80"], "https": ["443"]}


class Ddos(Service):
    """API version 2020-01-01."""

    product = "ddos"
    version = "2020-01-01"

    @operation("DescribeDomains")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """The names of all website rules."""
        return {"Domains": [row.attributes["domain"] for row in self._list_rows(call)]}

    @operation("DescribeWebRules", resource="Domain")
    def list_rules(self, call: ServiceCall) -> dict[str, Any]:
        """One page of website rules, 10 at most, by a part of the name or by all of it."""
        page = call.params.get_number("PageNumber", 1, high=100_000)
        size = call.params.get_number("PageSize", PAGE_LIMIT, high=PAGE_LIMIT)
        name, exact = call.params.get("Domain", ""), _is_exact(call.params)
        rows = [
            row
            for row in self._list_rows(call)
            if (name == row.attributes["domain"] if exact else name in row.attributes["domain"])
        ]
        shown = rows[(page - 1) * size : page * size]
        return {
            "WebRules": [self._to_rule(call.account, row) for row in shown],
            "TotalCount": len(rows),
        }

    @operation("DescribeCerts", resource="Domain")
    def list_certificates(self, call: ServiceCall) -> dict[str, Any]:
        """The certificates of the store that a domain may take, not the one that it serves."""
        domain = self._get_row(call).attributes["domain"]
        host = domain.removeprefix("*")
        rows = self.cloud.certificates.list_covering(call.account.access_key_id, host)
        shown = [_to_certificate(call.account, row) for row in rows if not row.facts.is_expired]
        return {"Certs": shown}

    @operation("AssociateWebCert", resource="Domain")
    def associate(self, call: ServiceCall) -> dict[str, Any]:
        """Bind a certificate of the store, or one given as PEM, which is put there."""
        row = self._get_row(call)
        binding = self._choose_binding(call)
        if "https" not in row.attributes["proxies"]:
            raise ApiError("HttpsProxyTypeNotExist", "The rule does not forward HTTPS.")
        pem = self.cloud.resources.get_material(binding["material"]).pem
        if not covers(read_facts(pem).names, row.attributes["domain"].removeprefix("*")):
            raise ApiError("DomainDoesNotMatchCert", "The domain does not match the certificate.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"rules": [{"name", "region", "certificate", "proxies", "stored", ...}]}`.

        `certificate` is `{"pem", "key"}` or null; with `stored` false the store does not have it
        any more. `proxies` are "http" and "https"; `enabled` and `punished` are states.
        """
        for one in entry["rules"]:
            row = self._build_resource(account, one)
            if not (keep_existing and self.cloud.resources.get(row.service, row.account, row.name)):
                self.cloud.resources.add(row)
        return len(entry["rules"])

    def _build_resource(self, account: SandboxAccount, one: dict[str, Any]) -> SandboxResource:
        domain, region = one["name"], one.get("region", account.region)
        proxies = one.get("proxies", [*PROXIES])
        if region not in SITE_REGIONS.values() or not set(proxies) <= PROXIES.keys():
            raise ValueError(f"{domain}: there is no such region or protocol")
        name, hosts = f"{region}/{domain}", to_edge_names((domain,))
        row = SandboxResource(self.product, account.access_key_id, name, hosts, time.time())
        row.attributes = {
            "region": region,
            "domain": domain,
            "proxies": proxies,
            "enabled": one.get("enabled", True),
            "punished": one.get("punished", False),
        }
        if given := one.get("certificate"):
            stored = self.cloud.certificates.put(row.account, given["pem"], given["key"])
            row.binding = build_binding(stored)
            if not one.get("stored", True):
                self.cloud.certificates.delete(stored)
        return row

    def _list_rows(self, call: ServiceCall) -> list[SandboxResource]:
        own = self.cloud.resources.list_of(self.product, call.account.access_key_id)
        return [row for row in own if row.attributes["region"] == call.region]

    def _get_row(self, call: ServiceCall) -> SandboxResource:
        name = f"{call.region}/{call.params.require('Domain')}"
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None:
            raise ApiError("DomainNotExist", "The domain does not exist.")
        return row

    def _to_rule(self, account: SandboxAccount, row: SandboxResource) -> dict[str, Any]:
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

    def _choose_binding(self, call: ServiceCall) -> SandboxBinding:
        params = call.params
        if "CertIdentifier" in params and "CertId" in params:
            raise build_invalid_error("CertIdentifier")
        if "Cert" in params or "Key" in params:
            return build_binding(self._store_given(call))
        region = params.get("CertRegion", SITE_REGIONS["cn"])
        text = params.get("CertIdentifier") or f"{params.require('CertId')}-{region}"
        binding = find_binding(self.cloud, call.account, text)
        if binding is None:
            raise ApiError("CertNotExist", "The certificate does not exist.")
        return binding

    def _store_given(self, call: ServiceCall) -> StoredCertificate:
        name, pem, key = (call.params.require(one) for one in ("CertName", "Cert", "Key"))
        try:
            matches = key_matches(pem, key)
        except ValueError:
            matches = False
        if not matches:
            raise build_invalid_error("Key")
        owner = call.account.access_key_id
        if self.cloud.certificates.find_by_name(owner, name) is not None:
            raise ApiError("CAS.NameRepeat", "The certificate name already exists.")
        return self.cloud.certificates.add(owner, name, pem, key)


SERVICE = Ddos


def _is_exact(params: Params) -> bool:
    pattern = params.get("QueryDomainPattern", "fuzzy")
    if pattern not in ("fuzzy", "exact"):
        raise build_invalid_error("QueryDomainPattern")
    if pattern == "exact" and not params.get("Domain"):
        raise build_missing_error("Domain")
    return pattern == "exact"


def _to_certificate(account: SandboxAccount, row: StoredCertificate) -> dict[str, Any]:
    facts = row.facts
    return {
        "CertIdentifier": f"{row.id}-{account.region}",
        "Id": row.id,
        "Name": row.name,
        "Common": facts.common_name,
        "DomainRelated": True,
        "Issuer": facts.issuer,
        "StartDate": str(to_milliseconds(facts.not_before)),
        "EndDate": str(to_milliseconds(facts.not_after)),
    }
