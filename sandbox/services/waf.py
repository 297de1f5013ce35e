"""Web Application Firewall 3.0: domains added by CNAME, and the instance's default certificate.

TLS settings that a change does not send fall back to their defaults here: whether the real cloud
does so is unconfirmed, and whoever relies on neither is safe. Unconfirmed too: the largest page,
how the default's own ciphers are written, and the error codes but for a domain without an HTTPS
port and one that is being changed.
"""

import hashlib
import time
from typing import Any

from sandbox.certificates import covers, read
from sandbox.errors import CloudError, invalid
from sandbox.options import SITE_REGIONS, Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call, Service, operation
from sandbox.services import _waf_fields as fields
from sandbox.services._identified import edge_names, identified
from sandbox.services._waf_fields import PLAIN_TLS
from sandbox.store import bound_to

DEFAULT = "default"
PAGE_LIMIT = 100


class Waf(Service):
    """API version 2021-10-01."""

    product = "waf"
    version = "2021-10-01"

    @operation("DescribeInstance")
    def describe_instance(self, call: Call) -> dict[str, Any]:
        """The instance of a region; without one only that there is none."""
        region = _region(call)
        if not self._rows(call.account, region):
            return {"RegionId": region}
        return fields.instance(instance_id(call.account, region), region)

    @operation("DescribeDomains", resource="Domain")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """One page of an instance's domains, without their certificates."""
        page = call.params.number("PageNumber", 1, high=100_000)
        size = call.params.number("PageSize", 10, high=PAGE_LIMIT)
        part = call.params.get("Domain", "")
        rows = [row for row in self._domains(call) if part in row.attributes["domain"]]
        shown = rows[(page - 1) * size : page * size]
        return {"Domains": [fields.listed(row) for row in shown], "TotalCount": len(rows)}

    @operation("DescribeDomainDetail", resource="Domain")
    def domain_detail(self, call: Call) -> dict[str, Any]:
        """One domain with its certificate, ports and TLS settings."""
        row = self._domain(call)
        facts = read(self._pem(row.binding)) if row.binding else None
        return fields.detail(call.account, row, facts)

    @operation("ModifyDomainCert", resource="Domain")
    def modify_certificate(self, call: Call) -> dict[str, Any]:
        """Replace a domain's certificate."""
        row = self._domain(call)
        binding = self._certificate(call)
        if not row.attributes["https_ports"]:
            message = f"The domain name must listen to the HTTPS protocol. Domain:{row.name}."
            raise CloudError("Waf.Pullin.MustListenHTTPS", message)
        if fields.status(row) != fields.NORMAL:
            raise CloudError("Waf.Pullin.ResourceProcessing", "The resource is being processed.")
        if not covers(read(self._pem(binding)).names, _dotted(row.attributes["domain"])):
            message = "The certificate does not match the domain name."
            raise CloudError("Waf.Pullin.CertNotMatchDomain", message)
        row.attributes["tls"] = _tls(call)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    @operation("DescribeDefaultHttps")
    def default_https(self, call: Call) -> dict[str, Any]:
        """The certificate and TLS settings for whoever names no domain; nothing without one."""
        region = self._checked(call)
        row = self._default(call.account, region)
        return {"DefaultHttps": fields.default(call.account, row) if row else {}}

    @operation("ModifyDefaultHttps")
    def modify_default(self, call: Call) -> dict[str, Any]:
        """Set the instance's default certificate."""
        region = self._checked(call)
        binding = self._certificate(call)
        call.params.need("TLSVersion")
        row = self._default(call.account, region)
        if row is None:
            row = self._new(call.account, region, None, edge_names(read(self._pem(binding)).names))
            self.cloud.resources.add(row)
        row.attributes["tls"] = _tls(call)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"domains": [{"name", "region", "certificate", "tls", "https_ports", "status"}]}`.

        A domain named "default" is the instance's default certificate. `certificate` is
        `{"pem", "key"}` or null, which is a domain without HTTPS unless it has `https_ports`.
        `tls` may set TLSVersion, CipherSuite, CustomCiphers and EnableTLSv3.
        """
        for one in entry["domains"]:
            row = self._seeded(account, one)
            if not (keep and self.cloud.resources.get(*self._key(account, row.name))):
                self.cloud.resources.add(row)
        return len(entry["domains"])

    def _seeded(self, account: Account, one: dict[str, Any]) -> Resource:
        region = one.get("region", account.region)
        if region not in SITE_REGIONS.values():
            raise ValueError(f"the region of a firewall is one of {[*SITE_REGIONS.values()]}")
        name = None if one["name"] == DEFAULT else one["name"]
        given = one.get("certificate")
        binding = None
        if given:
            stored = self.cloud.certificates.put(account.access_key_id, given["pem"], given["key"])
            binding = bound_to(stored)
        names = (name,) if name else read(given["pem"]).names if given else ()
        row = self._new(account, region, name, edge_names(names))
        row.binding = binding
        row.attributes |= {
            "status": one.get("status", fields.NORMAL),
            "tls": PLAIN_TLS | one.get("tls", {}),
            "https_ports": one.get("https_ports", [443] if given else []),
        }
        return row

    def _new(self, account: Account, region: str, domain: str | None, hosts: list[str]) -> Resource:
        name = f"{region}/{domain or DEFAULT}"
        row = Resource(self.product, account.access_key_id, name, hosts, time.time())
        number = self.cloud.counters.next("waf domain", 21_000_001)
        row.attributes = {"region": region, "domain": domain, "id": number, "tls": PLAIN_TLS}
        return row

    def _key(self, account: Account, name: str) -> tuple[str, str, str]:
        return self.product, account.access_key_id, name

    def _rows(self, account: Account, region: str) -> list[Resource]:
        own = self.cloud.resources.of(self.product, account.access_key_id)
        return [row for row in own if row.attributes["region"] == region]

    def _checked(self, call: Call) -> str:
        """The region, once the instance that is named was found to be its."""
        region = _region(call)
        named = call.params.need("InstanceId")
        if not self._rows(call.account, region) or named != instance_id(call.account, region):
            raise CloudError("Waf.Instance.NotExist", "The instance does not exist.")
        return region

    def _domains(self, call: Call) -> list[Resource]:
        rows = self._rows(call.account, self._checked(call))
        return [row for row in rows if row.attributes["domain"] is not None]

    def _domain(self, call: Call) -> Resource:
        region, name = self._checked(call), call.params.need("Domain")
        row = self.cloud.resources.get(*self._key(call.account, f"{region}/{name}"))
        if row is None or row.attributes["domain"] is None:
            raise CloudError("Waf.Pullin.DomainNotExist", f"The domain {name} does not exist.")
        return row

    def _default(self, account: Account, region: str) -> Resource | None:
        return self.cloud.resources.get(*self._key(account, f"{region}/{DEFAULT}"))

    def _certificate(self, call: Call) -> Binding:
        text = call.params.need("CertId")
        binding = identified(self.cloud, call.account, text)
        if binding is None:
            raise CloudError("Waf.Pullin.CertNotExist", f"The certificate {text} does not exist.")
        return binding

    def _pem(self, binding: Binding) -> str:
        return self.cloud.resources.material(binding["material"]).pem


SERVICE = Waf


def instance_id(account: Account, region: str) -> str:
    """The one instance that an account has in a region."""
    digest = hashlib.sha256(f"{account.access_key_id}/{region}".encode()).hexdigest()
    return f"waf_v2_public_cn-{digest[:11]}"


def _region(call: Call) -> str:
    region = call.params.get("RegionId", call.region)
    if region not in SITE_REGIONS.values():
        raise invalid("RegionId")
    return region


def _dotted(domain: str) -> str:
    return domain.removeprefix("*")


def _tls(call: Call) -> dict[str, Any]:
    """The TLS settings that a change sends; what it does not send falls back to the default."""
    suite = call.params.get("CipherSuite", str(PLAIN_TLS["CipherSuite"]))
    if suite not in ("1", "2", "99"):
        raise invalid("CipherSuite")
    version = call.params.get("TLSVersion", PLAIN_TLS["TLSVersion"])
    if version not in ("tlsv1", "tlsv1.1", "tlsv1.2"):
        raise invalid("TLSVersion")
    return {
        "TLSVersion": version,
        "CipherSuite": int(suite),
        "CustomCiphers": [one.need("") for one in call.params.listed("CustomCiphers")],
        "EnableTLSv3": call.params.flag("EnableTLSv3"),
    }
