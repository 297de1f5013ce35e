"""Accelerated domains: the base of CDN and DCDN."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.certificates import covers, key_matches, read_facts
from sandbox.errors import ApiError
from sandbox.options import SITE_REGIONS, SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import Params, Service, ServiceCall
from sandbox.services._cdn_fields import get_status, to_https_row
from sandbox.services._sm_slots import set_pair
from sandbox.store import build_binding

UNREACHABLE = ("offline", "checking", "check_failed", "stopping", "deleting")
UNDER_REVIEW = ("checking", "check_failed")
STATUSES = ("online", "configuring", "configure_failed", *UNREACHABLE)


class Domains(Service):
    """A product whose resources are domains; a subclass adds operations and answers."""

    def build_domains_page(
        self, call: ServiceCall, listed: Callable[[SandboxResource], dict[str, Any]]
    ) -> dict[str, Any]:
        """One page of accelerated domains."""
        page, size = (
            call.params.get_number("PageNumber", 1, high=100_000),
            _get_page_size(call.params),
        )
        rows = [row for row in self._list_rows(call.account) if _is_wanted(row, call.params)]
        shown = rows[(page - 1) * size : page * size]
        return {
            "Domains": {"PageData": [listed(row) for row in shown]},
            "PageNumber": page,
            "PageSize": size,
            "TotalCount": len(rows),
        }

    def build_https_page(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the domains that have HTTPS on."""
        page, size = (
            call.params.get_number("PageNumber", 1, high=100_000),
            _get_page_size(call.params),
        )
        keyword = call.params.get("Keyword", "")
        rows = [
            (row, row.binding)
            for row in self._list_rows(call.account)
            if row.binding and keyword in row.name
        ]
        infos = [
            to_https_row(row, binding, read_facts(self.get_pem(binding)))
            for row, binding in rows[(page - 1) * size : page * size]
        ]
        return {"CertInfos": {"CertInfo": infos}, "TotalCount": len(rows)}

    def change(self, call: ServiceCall) -> dict[str, Any]:
        """Bind a certificate from the store or given as PEM, or switch HTTPS off."""
        row, params = self.get_row(call), call.params
        protocol = params.require("SSLProtocol")
        if protocol not in ("on", "off"):
            raise ApiError(
                "InvalidSSLProtocol.ValueNotSupported", "The specified SSLProtocol is invalid."
            )
        if row.attributes["status"] in UNREACHABLE:
            raise ApiError("IllegalOperation", "Illegal domain operate is not permitted.", 403)
        binding = None
        if protocol == "on":
            from_store = params.get("CertType", "upload") == "cas"
            binding = self._find_stored(call) if from_store else self._read_given(params)
            if not covers(read_facts(self.get_pem(binding)).names, row.name):
                raise ApiError(
                    "Certificate.MissMatch", "The certificate does not match the domain name."
                )
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def change_pair(self, call: ServiceCall) -> dict[str, Any]:
        """Set the SM2 pair beside it, or switch that off."""
        row = self.get_row(call)
        if row.attributes["status"] in UNREACHABLE:
            raise ApiError("IllegalOperation", "Illegal domain operate is not permitted.", 403)
        return set_pair(self.cloud, row, call)

    def get_row(self, call: ServiceCall) -> SandboxResource:
        """The domain that a call is about."""
        name = call.params.require("DomainName")
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None:
            raise ApiError(
                "InvalidDomain.NotFound", "The domain provided does not belong to you.", 404
            )
        return row

    def get_pem(self, binding: SandboxBinding) -> str:
        """The chain that is bound."""
        return self.cloud.resources.get_material(binding["material"]).pem

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"domains": [{"name", "certificate": {"pem", "key"} | null, "status", "cert_type"}]}`.

        A certificate that the account's store lacks is put there, unless `cert_type` is "upload".
        """
        for one in entry["domains"]:
            existing = self.cloud.resources.get(self.product, account.access_key_id, one["name"])
            if not (keep_existing and existing):
                self.cloud.resources.add(self._build_resource(account, one))
        return len(entry["domains"])

    def _build_resource(self, account: SandboxAccount, one: dict[str, Any]) -> SandboxResource:
        name, base = one["name"], one.get("status", "online")
        if name != name.lower() or name.startswith("*"):
            raise ValueError(f"{name}: domains are in lower case, wildcards are .example.com")
        if base not in STATUSES:
            raise ValueError(f"{name}: the status of a domain is one of {', '.join(STATUSES)}")
        owner = account.access_key_id
        row = SandboxResource(self.product, owner, name, [name], time.time())
        row.attributes = {"status": base, "id": self.cloud.counters.next("domain", 11_000_001)}
        row.reachable = base not in UNREACHABLE
        if given := one.get("certificate"):
            pem, key = given["pem"], given["key"]
            if one.get("cert_type", "cas") == "upload":
                row.binding = self._build_upload(pem, key, "")
            else:
                row.binding = build_binding(self.cloud.certificates.put(owner, pem, key))
        return row

    def _list_rows(self, account: SandboxAccount) -> list[SandboxResource]:
        return self.cloud.resources.list_of(self.product, account.access_key_id)

    def _find_stored(self, call: ServiceCall) -> SandboxBinding:
        region = call.params.get("CertRegion", SITE_REGIONS["cn"])
        if region not in SITE_REGIONS.values():
            raise ApiError("Abs.CertRegion.ValueNotSupported", "CertRegion is not supported.")
        text = call.params.get("CertId", "")
        if not text:
            raise ApiError("CertId.MissingParameter", "The CertId parameter is required.")
        number = call.params.get_number("CertId", 0)
        row = self.cloud.certificates.get(call.account.access_key_id, number)
        # An SM2 pair has its own slot.
        fits = row is not None and row.facts.algorithm != "SM2"
        if row is None or not fits or region != call.account.region:
            raise ApiError("Certificate.NotFind", "The certificate does not exist.")
        return build_binding(row)

    def _read_given(self, params: Params) -> SandboxBinding:
        for name in ("SSLPub", "SSLPri"):
            if not params.get(name):
                raise ApiError(f"{name}.MissingParameter", f"The {name} parameter is required.")
        pem, key = params["SSLPub"], params["SSLPri"]
        try:
            read_facts(pem)
        except ValueError:
            raise ApiError(
                "Certificate.FormatError", "The format of the certificate is invalid."
            ) from None
        try:
            matches = key_matches(pem, key)
        except ValueError:
            matches = False
        if not matches:
            raise ApiError("InvalidSSLPri", "The SSLPri you provided is malformed!")
        return self._build_upload(pem, key, params.get("CertName", ""))

    def _build_upload(self, pem: str, key: str, name: str) -> SandboxBinding:
        return SandboxBinding(
            kind="upload",
            material=self.cloud.resources.save_material(pem, key),
            fingerprint=read_facts(pem).sha256,
            cert_id=None,
            name=name or f"cert-{uuid.uuid4().hex[:12]}",
            since=time.time(),
        )


def _get_page_size(params: Params) -> int:
    return params.get_number("PageSize", 20, high=500)


def _is_wanted(row: SandboxResource, params: Params) -> bool:
    present = get_status(row)
    if present in UNDER_REVIEW and not params.get_flag("CheckDomainShow"):
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
