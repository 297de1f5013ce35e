"""Classic Load Balancer: HTTPS listeners with additional domains, certificates per region.

A slot (the default certificate of a listener, or an additional domain) is one resource. Changes
take effect at once for the API and are refused with ServiceIsConfiguring while one of the same
load balancer is on its way to the edge.

Unconfirmed against the real cloud: which kind of fingerprint is shown (here SHA-256, or SHA-1 if
a seed says so), the codes for a PEM that cannot be read and for a full region, and that a PEM with
blank lines cannot be read.
"""

import time
from typing import Any

from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.service import Service, ServiceCall, operation
from sandbox.services._clb_certificates import (
    ServerCertificate,
    get_server_certificates,
    read_upload,
)
from sandbox.services._clb_fields import (
    get_balancer,
    to_certificate_row,
    to_extension,
    to_list_row,
    to_listener,
)
from sandbox.services._identified import to_edge_names
from sandbox.services._regions import REGIONS, list_regions

STATUSES = ("running", "stopped", "starting", "configuring", "stopping")
MAX_NAME_LENGTH = 80


class Clb(Service):
    """API version 2014-05-15."""

    product = "clb"
    version = "2014-05-15"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._certificates = get_server_certificates(cloud)

    @operation("DescribeRegions")
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"Regions": {"Region": list_regions("slb")}}

    @operation("DescribeLoadBalancerListeners", resource="LoadBalancerId.1")
    def list_listeners(self, call: ServiceCall) -> dict[str, Any]:
        """Listeners of a region from a token on, with their default certificates."""
        params = call.params
        wanted = {one[""] for one in params.get_list("LoadBalancerId")}
        rows = [
            row for row in self._list_listeners(call) if not wanted or get_balancer(row) in wanted
        ]
        if params.get("ListenerProtocol", "https") != "https":
            rows = []
        size, start = (
            params.get_number("MaxResults", 20, high=100),
            params.get_number("NextToken", 0, 0),
        )
        more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
        shown = [to_list_row(row) for row in rows[start : start + size]]
        return {"Listeners": shown, "MaxResults": size, "TotalCount": len(rows), **more}

    @operation("DescribeLoadBalancerHTTPSListenerAttribute", resource="LoadBalancerId")
    def listener_attribute(self, call: ServiceCall) -> dict[str, Any]:
        """One listener with its additional domains."""
        row = self._get_listener(call)
        extensions = {"DomainExtension": self._list_extensions(row)}
        return {**to_listener(row), "DomainExtensions": extensions}

    @operation("DescribeDomainExtensions", resource="LoadBalancerId")
    def list_extensions(self, call: ServiceCall) -> dict[str, Any]:
        """The additional domains of one listener."""
        return {
            "DomainExtensions": {"DomainExtension": self._list_extensions(self._get_listener(call))}
        }

    @operation("SetLoadBalancerHTTPSListenerAttribute", resource="LoadBalancerId")
    def set_listener(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        row = self._get_listener(call)
        if row.attributes["status"] == "stopped":
            raise ApiError(
                "OperationFailed.ListenerStatusNotSupport",
                "The status of the listener does not support this operation.",
            )
        self._change(call, row)
        return {}

    @operation("SetDomainExtensionAttribute", resource="DomainExtensionId")
    def set_extension(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the certificate of an additional domain."""
        wanted = call.params.require("DomainExtensionId")
        found = (row for row in self._list_rows(call) if row.attributes.get("extension") == wanted)
        row = next(found, None)
        if row is None:
            raise ApiError(
                "InvalidParameter.DomainExtensionId", "The DomainExtensionId does not exist."
            )
        self._change(call, row)
        return {}

    @operation("DescribeServerCertificates", resource="ServerCertificateId")
    def list_certificates(self, call: ServiceCall) -> dict[str, Any]:
        """The certificates of a region, all at once."""
        wanted = call.params.get("ServerCertificateId")
        rows = self._certificates.list_of(call.account.access_key_id, _get_region(call))
        shown = [to_certificate_row(row) for row in rows if wanted in (None, row.id)]
        listed = [{**row, "Tags": {"Tag": []}} for row in shown]
        return {"ServerCertificates": {"ServerCertificate": listed}}

    @operation("UploadServerCertificate", resource="ServerCertificateName")
    def upload(self, call: ServiceCall) -> dict[str, Any]:
        """Make a new certificate out of a PEM, or out of one of the certificate store."""
        params, owner = call.params, call.account.access_key_id
        region, name = _get_region(call), params.get("ServerCertificateName", "unnamed")
        if len(name) > MAX_NAME_LENGTH:
            raise ApiError("InvalidParameter", "ServerCertificateName is too long.")
        if "AliCloudCertificateId" in params:
            stored = self.cloud.certificates.get(
                owner, params.get_number("AliCloudCertificateId", 0)
            )
            if stored is None:
                raise ApiError("CertificateNotFound", "The certificate does not exist.", 404)
            key = self.cloud.resources.get_material(stored.material).key
            self._certificates.check_space(owner, region)
            row = self._certificates.add(owner, region, name, stored.pem, key)
            row.cas_id = stored.id
            self._certificates.save(row)
        else:
            pem, key = read_upload(params)
            self._certificates.check_space(owner, region)
            row = self._certificates.add(owner, region, name, pem, key)
        return to_certificate_row(row)

    @operation("DeleteServerCertificate", resource="ServerCertificateId")
    def delete(self, call: ServiceCall) -> dict[str, Any]:
        """Delete a certificate that nothing serves."""
        row = self._get_certificate(call)
        self._certificates.check_unused(row, self._list_rows(call))
        self._certificates.delete(row)
        return {}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"listeners": [{"certificate": {"pem", "key"}, ...}]}`, each with these if need be.

        "load_balancer", "port", "region", "status", "tags" (by key), "hosts" (else the edge answers
        for the names of the certificate), "digest" ("sha1" or "sha256": the shown fingerprint),
        and "domains": {"www.example.com": {"pem", "key"}} for additional ones.
        """
        return sum(self._seed_one(account, one, keep_existing) for one in entry["listeners"])

    def _seed_one(self, account: SandboxAccount, one: dict[str, Any], keep: bool) -> int:
        region, status = one.get("region", account.region), one.get("status", "running")
        if region not in REGIONS or status not in STATUSES:
            raise ValueError(f"no region {region}, or no status {status}")
        base: dict[str, Any] = {
            "region": region,
            "load_balancer": one.get("load_balancer") or f"lb-{self._next_number():012x}",
            "port": int(one.get("port", 443)),
            "status": status,
            "tags": one.get("tags", {}),
        }
        slots = {"": one["certificate"], **one.get("domains", {})}
        for domain, given in slots.items():
            certificate = self._put(account, region, given, one.get("digest", "sha256"))
            hosts = one.get("hosts", certificate.facts.names)
            row = self._build_resource(account, base, domain, (domain,) if domain else hosts)
            row.attributes["certificate"] = certificate.id
            row.binding, row.reachable = certificate.binding, status == "running"
            if not (keep and self.cloud.resources.get(row.service, row.account, row.name)):
                self.cloud.resources.add(row)
        return len(slots)

    def _build_resource(
        self, account: SandboxAccount, base: dict[str, Any], domain: str, hosts: tuple[str, ...]
    ) -> SandboxResource:
        path = (base["region"], base["load_balancer"], str(base["port"]), domain)
        name = "/".join(filter(None, path))
        names = to_edge_names(tuple(hosts))
        row = SandboxResource(self.product, account.access_key_id, name, names, time.time())
        ids = {"extension": f"de-{self._next_number():012x}"} if domain else {}
        row.attributes = {**base, "domain": domain, **ids}
        return row

    def _put(
        self, account: SandboxAccount, region: str, given: dict[str, str], digest: str
    ) -> ServerCertificate:
        owner = account.access_key_id
        row = self._certificates.put(owner, region, given["pem"], given["key"])
        row.digest = digest
        self._certificates.save(row)
        return row

    def _next_number(self) -> int:
        return self.cloud.counters.next("clb", 1)

    def _list_rows(self, call: ServiceCall) -> list[SandboxResource]:
        rows = self.cloud.resources.list_of(self.product, call.account.access_key_id)
        return [row for row in rows if row.attributes["region"] == _get_region(call)]

    def _list_listeners(self, call: ServiceCall) -> list[SandboxResource]:
        return [row for row in self._list_rows(call) if not row.attributes["domain"]]

    def _get_listener(self, call: ServiceCall) -> SandboxResource:
        number, port = (
            call.params.require("LoadBalancerId"),
            call.params.get_number("ListenerPort", 0),
        )
        rows = [row for row in self._list_listeners(call) if get_balancer(row) == number]
        if not rows:
            raise ApiError(
                "InvalidLoadBalancerId.NotFound", "The load balancer does not exist.", 404
            )
        found = next((row for row in rows if row.attributes["port"] == port), None)
        if found is None:
            raise ApiError("ListenerNotFound", "The listener does not exist.")
        return found

    def _list_extensions(self, owner: SandboxResource) -> list[dict[str, Any]]:
        rows = self.cloud.resources.list_of(self.product, owner.account)
        return [
            to_extension(row)
            for row in rows
            if row.attributes["domain"] and row.name.startswith(f"{owner.name}/")
        ]

    def _change(self, call: ServiceCall, row: SandboxResource) -> None:
        certificate = self._get_certificate(call)
        busy = (
            r
            for r in self._list_rows(call)
            if get_balancer(r) == get_balancer(row) and not r.settled
        )
        if next(busy, None):
            raise ApiError(
                "ServiceIsConfiguring", "The specified service is being configured.", 409
            )
        row.attributes["certificate"] = certificate.id
        self.cloud.resources.bind(row, certificate.binding, unserved=call.unserved)

    def _get_certificate(self, call: ServiceCall) -> ServerCertificate:
        number = call.params.require("ServerCertificateId")
        found = self._certificates.get(call.account.access_key_id, _get_region(call), number)
        if found is None:
            raise ApiError(
                "ServerCertificateId.NotFound", "The server certificate does not exist.", 404
            )
        return found


SERVICE = Clb


def _get_region(call: ServiceCall) -> str:
    if call.region not in REGIONS:
        raise ApiError("InvalidRegionId.NotFound", "The region does not exist.", 404)
    return call.region
