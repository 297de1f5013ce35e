"""Classic Load Balancer: HTTPS listeners with additional domains, certificates per region.

A slot (the default certificate of a listener, or an additional domain) is one resource. Changes
take effect at once for the API and are refused with ServiceIsConfiguring while one of the same
load balancer is on its way to the edge.

Unconfirmed against the real cloud: which kind of fingerprint is told (here SHA-256; a seed may ask
for SHA-1), the codes for a PEM that cannot be read and for a full region, and that a PEM with blank
lines is one that cannot be read.
"""

import time
from typing import Any

from sandbox.cloud import Cloud
from sandbox.errors import CloudError
from sandbox.options import Account
from sandbox.resources import Resource
from sandbox.service import Call, Service, operation
from sandbox.services._clb_certificates import ServerCertificate, checked, server_certificates
from sandbox.services._clb_fields import balancer, extension, listed, listener, told
from sandbox.services._identified import edge_names
from sandbox.services._regions import REGIONS, regions

STATUSES = ("running", "stopped", "starting", "configuring", "stopping")
LONGEST_NAME = 80


class Clb(Service):
    """API version 2014-05-15."""

    product = "clb"
    version = "2014-05-15"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._certificates = server_certificates(cloud)

    @operation("DescribeRegions")
    def regions(self, call: Call) -> dict[str, Any]:
        """All regions."""
        return {"Regions": {"Region": regions("slb")}}

    @operation("DescribeLoadBalancerListeners", resource="LoadBalancerId.1")
    def list_listeners(self, call: Call) -> dict[str, Any]:
        """Listeners of a region from a token on, with their default certificates."""
        params = call.params
        wanted = {one[""] for one in params.listed("LoadBalancerId")}
        rows = [row for row in self._listeners(call) if not wanted or balancer(row) in wanted]
        if params.get("ListenerProtocol", "https") != "https":
            rows = []
        size, start = params.number("MaxResults", 20, high=100), params.number("NextToken", 0, 0)
        more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
        shown = [listed(row) for row in rows[start : start + size]]
        return {"Listeners": shown, "MaxResults": size, "TotalCount": len(rows), **more}

    @operation("DescribeLoadBalancerHTTPSListenerAttribute", resource="LoadBalancerId")
    def listener_attribute(self, call: Call) -> dict[str, Any]:
        """One listener with its additional domains."""
        row = self._listener(call)
        extensions = {"DomainExtension": self._extensions(row)}
        return {**listener(row), "DomainExtensions": extensions}

    @operation("DescribeDomainExtensions", resource="LoadBalancerId")
    def list_extensions(self, call: Call) -> dict[str, Any]:
        """The additional domains of one listener."""
        return {"DomainExtensions": {"DomainExtension": self._extensions(self._listener(call))}}

    @operation("SetLoadBalancerHTTPSListenerAttribute", resource="LoadBalancerId")
    def set_listener(self, call: Call) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        row = self._listener(call)
        if row.attributes["status"] == "stopped":
            raise CloudError(
                "OperationFailed.ListenerStatusNotSupport",
                "The status of the listener does not support this operation.",
            )
        self._change(call, row)
        return {}

    @operation("SetDomainExtensionAttribute", resource="DomainExtensionId")
    def set_extension(self, call: Call) -> dict[str, Any]:
        """Replace the certificate of an additional domain."""
        wanted = call.params.need("DomainExtensionId")
        found = (row for row in self._rows(call) if row.attributes.get("extension") == wanted)
        row = next(found, None)
        if row is None:
            raise CloudError(
                "InvalidParameter.DomainExtensionId", "The DomainExtensionId does not exist."
            )
        self._change(call, row)
        return {}

    @operation("DescribeServerCertificates", resource="ServerCertificateId")
    def list_certificates(self, call: Call) -> dict[str, Any]:
        """The certificates of a region, all at once."""
        wanted = call.params.get("ServerCertificateId")
        rows = self._certificates.of(call.account.access_key_id, _region(call))
        shown = [told(row) for row in rows if wanted in (None, row.id)]
        listed = [{**row, "Tags": {"Tag": []}} for row in shown]
        return {"ServerCertificates": {"ServerCertificate": listed}}

    @operation("UploadServerCertificate", resource="ServerCertificateName")
    def upload(self, call: Call) -> dict[str, Any]:
        """Make a new certificate out of a PEM, or out of one of the certificate store."""
        params, owner = call.params, call.account.access_key_id
        region, name = _region(call), params.get("ServerCertificateName", "unnamed")
        if len(name) > LONGEST_NAME:
            raise CloudError("InvalidParameter", "ServerCertificateName is too long.")
        if "AliCloudCertificateId" in params:
            stored = self.cloud.certificates.get(owner, params.number("AliCloudCertificateId", 0))
            if stored is None:
                raise CloudError("CertificateNotFound", "The certificate does not exist.", 404)
            key = self.cloud.resources.material(stored.material).key
            self._certificates.check_space(owner, region)
            row = self._certificates.add(owner, region, name, stored.pem, key)
            row.cas_id = stored.id
            self._certificates.save(row)
        else:
            pem, key = checked(params)
            self._certificates.check_space(owner, region)
            row = self._certificates.add(owner, region, name, pem, key)
        return told(row)

    @operation("DeleteServerCertificate", resource="ServerCertificateId")
    def delete(self, call: Call) -> dict[str, Any]:
        """Delete a certificate that nothing serves."""
        row = self._certificate(call)
        self._certificates.refuse_if_used(row, self._rows(call))
        self._certificates.drop(row)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"listeners": [{"certificate": {"pem", "key"}, ...}]}`, each with these if need be.

        "load_balancer", "port", "region", "status", "tags" (by key), "hosts" (else the edge answers
        for the names of the certificate), "digest" ("sha1" or "sha256", which fingerprint is told),
        and "domains": {"www.example.com": {"pem", "key"}} for additional ones.
        """
        return sum(self._seed_one(account, one, keep) for one in entry["listeners"])

    def _seed_one(self, account: Account, one: dict[str, Any], keep: bool) -> int:
        region, status = one.get("region", account.region), one.get("status", "running")
        if region not in REGIONS or status not in STATUSES:
            raise ValueError(f"no region {region}, or no status {status}")
        base: dict[str, Any] = {
            "region": region,
            "load_balancer": one.get("load_balancer") or f"lb-{self._next():012x}",
            "port": int(one.get("port", 443)),
            "status": status,
            "tags": one.get("tags", {}),
        }
        slots = {"": one["certificate"], **one.get("domains", {})}
        for domain, given in slots.items():
            certificate = self._put(account, region, given, one.get("digest", "sha256"))
            hosts = one.get("hosts", certificate.facts.names)
            row = self._seeded(account, base, domain, (domain,) if domain else hosts)
            row.attributes["certificate"] = certificate.id
            row.binding, row.reachable = certificate.binding, status == "running"
            if not (keep and self.cloud.resources.get(row.service, row.account, row.name)):
                self.cloud.resources.add(row)
        return len(slots)

    def _seeded(
        self, account: Account, base: dict[str, Any], domain: str, hosts: tuple[str, ...]
    ) -> Resource:
        path = (base["region"], base["load_balancer"], str(base["port"]), domain)
        name = "/".join(filter(None, path))
        names = edge_names(tuple(hosts))
        row = Resource(self.product, account.access_key_id, name, names, time.time())
        ids = {"extension": f"de-{self._next():012x}"} if domain else {}
        row.attributes = {**base, "domain": domain, **ids}
        return row

    def _put(
        self, account: Account, region: str, given: dict[str, str], digest: str
    ) -> ServerCertificate:
        owner = account.access_key_id
        row = self._certificates.put(owner, region, given["pem"], given["key"])
        row.digest = digest
        self._certificates.save(row)
        return row

    def _next(self) -> int:
        return self.cloud.counters.next("clb", 1)

    def _rows(self, call: Call) -> list[Resource]:
        rows = self.cloud.resources.of(self.product, call.account.access_key_id)
        return [row for row in rows if row.attributes["region"] == _region(call)]

    def _listeners(self, call: Call) -> list[Resource]:
        return [row for row in self._rows(call) if not row.attributes["domain"]]

    def _listener(self, call: Call) -> Resource:
        number, port = call.params.need("LoadBalancerId"), call.params.number("ListenerPort", 0)
        rows = [row for row in self._listeners(call) if balancer(row) == number]
        if not rows:
            raise CloudError(
                "InvalidLoadBalancerId.NotFound", "The load balancer does not exist.", 404
            )
        found = next((row for row in rows if row.attributes["port"] == port), None)
        if found is None:
            raise CloudError("ListenerNotFound", "The listener does not exist.")
        return found

    def _extensions(self, owner: Resource) -> list[dict[str, Any]]:
        rows = self.cloud.resources.of(self.product, owner.account)
        return [
            extension(row)
            for row in rows
            if row.attributes["domain"] and row.name.startswith(f"{owner.name}/")
        ]

    def _change(self, call: Call, row: Resource) -> None:
        certificate = self._certificate(call)
        busy = (r for r in self._rows(call) if balancer(r) == balancer(row) and not r.settled)
        if next(busy, None):
            raise CloudError(
                "ServiceIsConfiguring", "The specified service is being configured.", 409
            )
        row.attributes["certificate"] = certificate.id
        self.cloud.resources.bind(row, certificate.binding, unserved=call.unserved)

    def _certificate(self, call: Call) -> ServerCertificate:
        number = call.params.need("ServerCertificateId")
        found = self._certificates.get(call.account.access_key_id, _region(call), number)
        if found is None:
            raise CloudError(
                "ServerCertificateId.NotFound", "The server certificate does not exist.", 404
            )
        return found


SERVICE = Clb


def _region(call: Call) -> str:
    if call.region not in REGIONS:
        raise CloudError("InvalidRegionId.NotFound", "The region does not exist.", 404)
    return call.region
