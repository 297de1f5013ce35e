"""Alibaba Cloud CDN: list domains, read and set their certificates, switch HTTPS off.

Unconfirmed against the real cloud: what is told of a domain whose HTTPS is off, whether a
certificate given as PEM gets an id in the store (here it has none), and the error code for a
missing CertId.
"""

import time
import uuid
from typing import Any

from sandbox.certificates import covers, key_matches, read
from sandbox.errors import CloudError
from sandbox.options import SITE_REGIONS, Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call, Params, Service, operation
from sandbox.services._cdn_fields import certificate, https, listed, status
from sandbox.store import bound_to

UNREACHABLE = ("offline", "checking", "check_failed", "stopping", "deleting")
UNDER_REVIEW = ("checking", "check_failed")
STATUSES = ("online", "configuring", "configure_failed", *UNREACHABLE)


class Cdn(Service):
    """API version 2018-05-10."""

    product = "cdn"
    version = "2018-05-10"

    @operation("DescribeUserDomains", resource="DomainName")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """One page of accelerated domains."""
        page, size = call.params.number("PageNumber", 1, high=100_000), _page_size(call.params)
        rows = [row for row in self._rows(call.account) if _wanted(row, call.params)]
        shown = rows[(page - 1) * size : page * size]
        return {
            "Domains": {"PageData": [listed(row) for row in shown]},
            "PageNumber": page,
            "PageSize": size,
            "TotalCount": len(rows),
        }

    @operation("DescribeCdnDomainDetail", resource="DomainName")
    def domain_detail(self, call: Call) -> dict[str, Any]:
        """One accelerated domain."""
        row = self._row(call)
        fields = listed(row)
        shared = ("CdnType", "Cname", "Description", "DomainName", "DomainStatus")
        return {
            "GetDomainDetailModel": {
                **{name: fields[name] for name in (*shared, "GmtCreated", "GmtModified")},
                "HttpsCname": fields["Cname"] if row.binding else "",
                "ResourceGroupId": fields["ResourceGroupId"],
                "Scope": fields["Coverage"],
                "ServerCertificateStatus": "on" if row.binding else "off",
            }
        }

    @operation("DescribeDomainCertificateInfo", resource="DomainName")
    def certificate_info(self, call: Call) -> dict[str, Any]:
        """What a domain is bound to; with HTTPS off only that."""
        row = self._row(call)
        info: dict[str, Any] = {"DomainName": row.name, "ServerCertificateStatus": "off"}
        if row.binding is not None:
            pem = self.cloud.resources.material(row.binding["material"]).pem
            info |= certificate(row.binding, pem)
            if row.binding["cert_id"] is not None:
                info |= {
                    "CertId": str(row.binding["cert_id"]),
                    "CertRegion": call.account.region,
                }
        return {"CertInfos": {"CertInfo": [info]}}

    @operation("DescribeCdnHttpsDomainList", resource="Keyword")
    def list_https(self, call: Call) -> dict[str, Any]:
        """One page of the domains that have HTTPS on."""
        page, size = call.params.number("PageNumber", 1, high=100_000), _page_size(call.params)
        keyword = call.params.get("Keyword", "")
        rows = [
            (row, row.binding)
            for row in self._rows(call.account)
            if row.binding and keyword in row.name
        ]
        infos = [
            https(row, binding, read(self.cloud.resources.material(binding["material"]).pem))
            for row, binding in rows[(page - 1) * size : page * size]
        ]
        return {"CertInfos": {"CertInfo": infos}, "TotalCount": len(rows)}

    @operation("SetCdnDomainSSLCertificate", resource="DomainName")
    def set_certificate(self, call: Call) -> dict[str, Any]:
        """Bind a certificate from the store or given as PEM, or switch HTTPS off."""
        row, params = self._row(call), call.params
        protocol = params.need("SSLProtocol")
        if protocol not in ("on", "off"):
            raise CloudError(
                "InvalidSSLProtocol.ValueNotSupported", "The specified SSLProtocol is invalid."
            )
        if row.attributes["status"] in UNREACHABLE:
            raise CloudError("IllegalOperation", "Illegal domain operate is not permitted.", 403)
        binding = None
        if protocol == "on":
            from_store = params.get("CertType", "upload") == "cas"
            binding = self._stored(call) if from_store else self._given(params)
            pem = self.cloud.resources.material(binding["material"]).pem
            if not covers(read(pem).names, row.name):
                raise CloudError(
                    "Certificate.MissMatch", "The certificate does not match the domain name."
                )
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"domains": [{"name", "certificate": {"pem", "key"} | null, "status", "cert_type"}]}`.

        A certificate that the account's store lacks is put there, unless `cert_type` is "upload".
        """
        for one in entry["domains"]:
            existing = self.cloud.resources.get(self.product, account.access_key_id, one["name"])
            if not (keep and existing):
                self.cloud.resources.add(self._seeded(account, one))
        return len(entry["domains"])

    def _seeded(self, account: Account, one: dict[str, Any]) -> Resource:
        name, base = one["name"], one.get("status", "online")
        if name != name.lower() or name.startswith("*"):
            raise ValueError(f"{name}: domains are in lower case, wildcards are .example.com")
        if base not in STATUSES:
            raise ValueError(f"{name}: the status of a domain is one of {', '.join(STATUSES)}")
        owner = account.access_key_id
        row = Resource(self.product, owner, name, [name], time.time())
        row.attributes = {"status": base, "id": self.cloud.counters.next("domain", 11_000_001)}
        row.reachable = base not in UNREACHABLE
        if given := one.get("certificate"):
            pem, key = given["pem"], given["key"]
            if one.get("cert_type", "cas") == "upload":
                row.binding = self._raw(pem, key, "")
            else:
                store = self.cloud.certificates
                stored = store.by_fingerprint(owner, read(pem).sha256)
                label = f"seed-{uuid.uuid4().hex[:12]}"
                row.binding = bound_to(stored or store.add(owner, label, pem, key))
        return row

    def _rows(self, account: Account) -> list[Resource]:
        return self.cloud.resources.of(self.product, account.access_key_id)

    def _row(self, call: Call) -> Resource:
        name = call.params.need("DomainName")
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None:
            raise CloudError(
                "InvalidDomain.NotFound", "The domain provided does not belong to you.", 404
            )
        return row

    def _stored(self, call: Call) -> Binding:
        region = call.params.get("CertRegion", SITE_REGIONS["cn"])
        if region not in SITE_REGIONS.values():
            raise CloudError("Abs.CertRegion.ValueNotSupported", "CertRegion is not supported.")
        text = call.params.get("CertId", "")
        if not text:
            raise CloudError("CertId.MissingParameter", "The CertId parameter is required.")
        number = call.params.number("CertId", 0)
        row = self.cloud.certificates.get(call.account.access_key_id, number)
        if row is None or region != call.account.region:
            raise CloudError("Certificate.NotFind", "The certificate does not exist.")
        return bound_to(row)

    def _given(self, params: Params) -> Binding:
        for name in ("SSLPub", "SSLPri"):
            if not params.get(name):
                raise CloudError(f"{name}.MissingParameter", f"The {name} parameter is required.")
        pem, key = params["SSLPub"], params["SSLPri"]
        try:
            read(pem)
        except ValueError:
            raise CloudError(
                "Certificate.FormatError", "The format of the certificate is invalid."
            ) from None
        try:
            matches = key_matches(pem, key)
        except ValueError:
            matches = False
        if not matches:
            raise CloudError("InvalidSSLPri", "The SSLPri you provided is malformed!")
        return self._raw(pem, key, params.get("CertName", ""))

    def _raw(self, pem: str, key: str, name: str) -> Binding:
        return Binding(
            kind="upload",
            material=self.cloud.resources.keep_material(pem, key),
            fingerprint=read(pem).sha256,
            cert_id=None,
            name=name or f"cert-{uuid.uuid4().hex[:12]}",
            since=time.time(),
        )


SERVICE = Cdn


def _page_size(params: Params) -> int:
    return params.number("PageSize", 20, high=500)


def _wanted(row: Resource, params: Params) -> bool:
    present = status(row)
    if present in UNDER_REVIEW and not params.flag("CheckDomainShow"):
        return False
    if params.get("DomainStatus", present) != present:
        return False
    name = params.get("DomainName", "")
    how = params.get("DomainSearchType", "full_match")
    matches = {
        "fuzzy_match": name in row.name,
        "pre_match": row.name.startswith(name),
        "suf_match": row.name.endswith(name),
    }
    return not name or matches.get(how, row.name == name)
