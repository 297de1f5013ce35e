"""Web Application Firewall 3.0: domains added by CNAME, and the instance's default certificate.

TLS settings that a change does not send fall back to their defaults here: whether the real cloud
does so is unconfirmed, and whoever relies on neither is safe. Unconfirmed too: the largest page,
how the default's own ciphers are written, and the error codes but for a domain without an HTTPS
port and one that is being changed.
"""

import hashlib
import time
from typing import Any

from sandbox.certificates import covers, read_facts
from sandbox.errors import ApiError, build_invalid_error
from sandbox.options import SITE_REGIONS, SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import Service, ServiceCall, operation
from sandbox.services import _waf_fields as fields
from sandbox.services._identified import find_binding, to_edge_names
from sandbox.services._waf_fields import PLAIN_TLS
from sandbox.store import build_binding

DEFAULT = "default"
PAGE_LIMIT = 100


class Waf(Service):
    """API version 2021-10-01."""

    product = "waf"
    version = "2021-10-01"

    @operation("DescribeInstance")
    def describe_instance(self, call: ServiceCall) -> dict[str, Any]:
        """The instance of a region; without one only that there is none."""
        region = _get_region(call)
        if not self._list_rows(call.account, region):
            return {"RegionId": region}
        return fields.to_instance(build_instance_id(call.account, region), region)

    @operation("DescribeDomains", resource="Domain")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """One page of an instance's domains, without their certificates."""
        page = call.params.get_number("PageNumber", 1, high=100_000)
        size = call.params.get_number("PageSize", 10, high=PAGE_LIMIT)
        part = call.params.get("Domain", "")
        rows = [row for row in self._list_domains(call) if part in row.attributes["domain"]]
        shown = rows[(page - 1) * size : page * size]
        return {"Domains": [fields.to_list_row(row) for row in shown], "TotalCount": len(rows)}

    @operation("DescribeDomainDetail", resource="Domain")
    def domain_detail(self, call: ServiceCall) -> dict[str, Any]:
        """One domain with its certificate, ports and TLS settings."""
        row = self._get_domain(call)
        facts = read_facts(self._get_pem(row.binding)) if row.binding else None
        return fields.to_detail(call.account, row, facts)

    @operation("ModifyDomainCert", resource="Domain")
    def modify_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Replace a domain's certificate."""
        row = self._get_domain(call)
        binding = self._get_binding(call)
        if not row.attributes["https_ports"]:
            message = f"The domain name must listen to the HTTPS protocol. Domain:{row.name}."
            raise ApiError("Waf.Pullin.MustListenHTTPS", message)
        if fields.get_status(row) != fields.NORMAL:
            raise ApiError("Waf.Pullin.ResourceProcessing", "The resource is being processed.")
        if not covers(
            read_facts(self._get_pem(binding)).names, _to_dotted(row.attributes["domain"])
        ):
            message = "The certificate does not match the domain name."
            raise ApiError("Waf.Pullin.CertNotMatchDomain", message)
        row.attributes["tls"] = _read_tls(call)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    @operation("DescribeDefaultHttps")
    def default_https(self, call: ServiceCall) -> dict[str, Any]:
        """The certificate and TLS settings for whoever names no domain; nothing without one."""
        region = self._check_instance(call)
        row = self._find_default(call.account, region)
        return {"DefaultHttps": fields.to_default(call.account, row) if row else {}}

    @operation("ModifyDefaultHttps")
    def modify_default(self, call: ServiceCall) -> dict[str, Any]:
        """Set the instance's default certificate."""
        region = self._check_instance(call)
        binding = self._get_binding(call)
        call.params.require("TLSVersion")
        row = self._find_default(call.account, region)
        if row is None:
            row = self._build_row(
                call.account, region, None, to_edge_names(read_facts(self._get_pem(binding)).names)
            )
            self.cloud.resources.add(row)
        row.attributes["tls"] = _read_tls(call)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"domains": [{"name", "region", "certificate", "tls", "https_ports", "status"}]}`.

        A domain named "default" is the instance's default certificate. `certificate` is
        `{"pem", "key"}` or null, which is a domain without HTTPS unless it has `https_ports`.
        `tls` may set TLSVersion, CipherSuite, CustomCiphers and EnableTLSv3.
        """
        for one in entry["domains"]:
            row = self._build_resource(account, one)
            if not (
                keep_existing and self.cloud.resources.get(*self._build_key(account, row.name))
            ):
                self.cloud.resources.add(row)
        return len(entry["domains"])

    def _build_resource(self, account: SandboxAccount, one: dict[str, Any]) -> SandboxResource:
        region = one.get("region", account.region)
        if region not in SITE_REGIONS.values():
            raise ValueError(f"the region of a firewall is one of {[*SITE_REGIONS.values()]}")
        name = None if one["name"] == DEFAULT else one["name"]
        given = one.get("certificate")
        binding = None
        if given:
            stored = self.cloud.certificates.put(account.access_key_id, given["pem"], given["key"])
            binding = build_binding(stored)
        names = (name,) if name else read_facts(given["pem"]).names if given else ()
        row = self._build_row(account, region, name, to_edge_names(names))
        row.binding = binding
        row.attributes |= {
            "status": one.get("status", fields.NORMAL),
            "tls": PLAIN_TLS | one.get("tls", {}),
            "https_ports": one.get("https_ports", [443] if given else []),
        }
        return row

    def _build_row(
        self, account: SandboxAccount, region: str, domain: str | None, hosts: list[str]
    ) -> SandboxResource:
        name = f"{region}/{domain or DEFAULT}"
        row = SandboxResource(self.product, account.access_key_id, name, hosts, time.time())
        number = self.cloud.counters.next("waf domain", 21_000_001)
        row.attributes = {"region": region, "domain": domain, "id": number, "tls": PLAIN_TLS}
        return row

    def _build_key(self, account: SandboxAccount, name: str) -> tuple[str, str, str]:
        return self.product, account.access_key_id, name

    def _list_rows(self, account: SandboxAccount, region: str) -> list[SandboxResource]:
        own = self.cloud.resources.list_of(self.product, account.access_key_id)
        return [row for row in own if row.attributes["region"] == region]

    def _check_instance(self, call: ServiceCall) -> str:
        """The region, once the instance that is named was found to be its."""
        region = _get_region(call)
        named = call.params.require("InstanceId")
        if not self._list_rows(call.account, region) or named != build_instance_id(
            call.account, region
        ):
            raise ApiError("Waf.Instance.NotExist", "The instance does not exist.")
        return region

    def _list_domains(self, call: ServiceCall) -> list[SandboxResource]:
        rows = self._list_rows(call.account, self._check_instance(call))
        return [row for row in rows if row.attributes["domain"] is not None]

    def _get_domain(self, call: ServiceCall) -> SandboxResource:
        region, name = self._check_instance(call), call.params.require("Domain")
        row = self.cloud.resources.get(*self._build_key(call.account, f"{region}/{name}"))
        if row is None or row.attributes["domain"] is None:
            raise ApiError("Waf.Pullin.DomainNotExist", f"The domain {name} does not exist.")
        return row

    def _find_default(self, account: SandboxAccount, region: str) -> SandboxResource | None:
        return self.cloud.resources.get(*self._build_key(account, f"{region}/{DEFAULT}"))

    def _get_binding(self, call: ServiceCall) -> SandboxBinding:
        text = call.params.require("CertId")
        binding = find_binding(self.cloud, call.account, text)
        if binding is None:
            raise ApiError("Waf.Pullin.CertNotExist", f"The certificate {text} does not exist.")
        return binding

    def _get_pem(self, binding: SandboxBinding) -> str:
        return self.cloud.resources.get_material(binding["material"]).pem


SERVICE = Waf


def build_instance_id(account: SandboxAccount, region: str) -> str:
    """The one instance that an account has in a region."""
    digest = hashlib.sha256(f"{account.access_key_id}/{region}".encode()).hexdigest()
    return f"waf_v2_public_cn-{digest[:11]}"


def _get_region(call: ServiceCall) -> str:
    region = call.params.get("RegionId", call.region)
    if region not in SITE_REGIONS.values():
        raise build_invalid_error("RegionId")
    return region


def _to_dotted(domain: str) -> str:
    return domain.removeprefix("*")


def _read_tls(call: ServiceCall) -> dict[str, Any]:
    """The TLS settings that a change sends; what it does not send falls back to the default."""
    suite = call.params.get("CipherSuite", str(PLAIN_TLS["CipherSuite"]))
    if suite not in ("1", "2", "99"):
        raise build_invalid_error("CipherSuite")
    version = call.params.get("TLSVersion", PLAIN_TLS["TLSVersion"])
    if version not in ("tlsv1", "tlsv1.1", "tlsv1.2"):
        raise build_invalid_error("TLSVersion")
    return {
        "TLSVersion": version,
        "CipherSuite": int(suite),
        "CustomCiphers": [one.require("") for one in call.params.get_list("CustomCiphers")],
        "EnableTLSv3": call.params.get_flag("EnableTLSv3"),
    }
