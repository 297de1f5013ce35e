"""Accelerated domains: what CDN and DCDN keep, check and refuse in the same way."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.certificates import covers, key_matches, read
from sandbox.errors import CloudError
from sandbox.options import SITE_REGIONS, Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call, Params, Service
from sandbox.services._cdn_fields import https, status
from sandbox.services._sm_slots import set_pair
from sandbox.store import bound_to

UNREACHABLE = ("offline", "checking", "check_failed", "stopping", "deleting")
UNDER_REVIEW = ("checking", "check_failed")
STATUSES = ("online", "configuring", "configure_failed", *UNREACHABLE)


class Domains(Service):
    """A product whose resources are domains; it names the operations and words the answers."""

    def page_of_domains(
        self, call: Call, listed: Callable[[Resource], dict[str, Any]]
    ) -> dict[str, Any]:
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

    def page_of_https(self, call: Call) -> dict[str, Any]:
        """One page of the domains that have HTTPS on."""
        page, size = call.params.number("PageNumber", 1, high=100_000), _page_size(call.params)
        keyword = call.params.get("Keyword", "")
        rows = [
            (row, row.binding)
            for row in self._rows(call.account)
            if row.binding and keyword in row.name
        ]
        infos = [
            https(row, binding, read(self.pem(binding)))
            for row, binding in rows[(page - 1) * size : page * size]
        ]
        return {"CertInfos": {"CertInfo": infos}, "TotalCount": len(rows)}

    def change(self, call: Call) -> dict[str, Any]:
        """Bind a certificate from the store or given as PEM, or switch HTTPS off."""
        row, params = self.row(call), call.params
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
            if not covers(read(self.pem(binding)).names, row.name):
                raise CloudError(
                    "Certificate.MissMatch", "The certificate does not match the domain name."
                )
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def change_pair(self, call: Call) -> dict[str, Any]:
        """Set the SM2 pair beside it, or switch that off."""
        row = self.row(call)
        if row.attributes["status"] in UNREACHABLE:
            raise CloudError("IllegalOperation", "Illegal domain operate is not permitted.", 403)
        return set_pair(self.cloud, row, call)

    def row(self, call: Call) -> Resource:
        """The domain that a call is about."""
        name = call.params.need("DomainName")
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None:
            raise CloudError(
                "InvalidDomain.NotFound", "The domain provided does not belong to you.", 404
            )
        return row

    def pem(self, binding: Binding) -> str:
        """The chain that is bound."""
        return self.cloud.resources.material(binding["material"]).pem

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
                row.binding = bound_to(self.cloud.certificates.put(owner, pem, key))
        return row

    def _rows(self, account: Account) -> list[Resource]:
        return self.cloud.resources.of(self.product, account.access_key_id)

    def _stored(self, call: Call) -> Binding:
        region = call.params.get("CertRegion", SITE_REGIONS["cn"])
        if region not in SITE_REGIONS.values():
            raise CloudError("Abs.CertRegion.ValueNotSupported", "CertRegion is not supported.")
        text = call.params.get("CertId", "")
        if not text:
            raise CloudError("CertId.MissingParameter", "The CertId parameter is required.")
        number = call.params.number("CertId", 0)
        row = self.cloud.certificates.get(call.account.access_key_id, number)
        # An SM2 pair has a slot of its own, and could not be served from this one.
        fits = row is not None and row.facts.algorithm != "SM2"
        if row is None or not fits or region != call.account.region:
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
