"""Certificate Management Service: upload, list, read and delete certificates.

Unconfirmed against the real cloud: the error code NameRepeat, that a certificate in use cannot be
deleted, and that a listing tells of an SM2 pair the certificate that signs. No limit is documented:
here there is one only after it was set by the control API, and its code is made up.
"""

from typing import Any

from sandbox.cloud import Cloud
from sandbox.errors import ApiError, build_invalid_error
from sandbox.options import SandboxAccount
from sandbox.service import Service, ServiceCall, operation
from sandbox.services._cas_fields import (
    build_instance_id,
    get_status,
    has_status,
    to_detail,
    to_milliseconds,
    to_order,
)
from sandbox.services._cas_uploads import read_upload
from sandbox.store import SOURCES, StoredCertificate

NAME_LIMIT = 63


class Cas(Service):
    """API version 2020-04-07."""

    product = "cas"
    version = "2020-04-07"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._deleted: set[tuple[str, str]] = set()  # account and client token

    @operation("UploadUserCertificate", resource="Name")
    def upload(self, call: ServiceCall) -> dict[str, Any]:
        """Put a certificate into the store; a repeated client token gives the same answer."""
        params, store = call.params, self.cloud.certificates
        name = params.require("Name")
        if len(name) > NAME_LIMIT:
            raise build_invalid_error("Name")
        (pem, key), other = read_upload(params)
        account, token = call.account.access_key_id, params.get("ClientToken", "")
        row = store.find_by_token(account, token)
        if row is None:
            if store.find_by_name(account, name) is not None:
                raise ApiError("NameRepeat", "The certificate name already exists.")
            self._check_space(account)
            encrypt = self.cloud.resources.save_material(*other) if other else ""
            row = store.add(account, name, pem, key, token=token, encrypt=encrypt)
        elif (row.name, row.pem) != (name, pem):
            raise ApiError(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        return {"CertId": row.id, "ResourceId": build_instance_id(row)}

    @operation("ListUserCertificateOrder", resource="Keyword")
    def list_orders(self, call: ServiceCall) -> dict[str, Any]:
        """One page of certificates; orders (CPACK, BUY) do not exist here."""
        params = call.params
        kind, wanted = params.get("OrderType", "CPACK"), params.get("Status", "")
        keyword = params.get("Keyword", "")
        owner, store = call.account.access_key_id, self.cloud.certificates
        # Without a status, all that has not expired. Fast, because large stores are read by pages.
        rows = store.list_of(owner) if wanted else store.list_unexpired(owner)
        if kind != "CERT":
            rows = [row for row in rows if kind == "UPLOAD" and row.source == "upload"]
        if wanted:
            rows = [row for row in rows if has_status(row.facts, wanted)]
        if keyword:
            rows = [row for row in rows if _is_match(row, keyword, by_name=False)]
        page, size = params.get_number("CurrentPage", 1), params.get_number("ShowSize", 50)
        return {
            "CertificateOrderList": [to_order(row) for row in _cut_page(rows, page, size)],
            "CurrentPage": page,
            "ShowSize": size,
            "TotalCount": len(rows),
        }

    @operation("ListCertificates", resource="Keyword")
    def list_certificates(self, call: ServiceCall) -> dict[str, Any]:
        """One page of certificates in the newer form, with the products that use each."""
        params = call.params
        source, wanted = params.get("CertificateSource", ""), params.get("CertificateStatus", "")
        rows = [
            row
            for row in self.cloud.certificates.list_of(call.account.access_key_id)
            if source in ("", row.source.upper())
            and wanted in ("", get_status(row.facts))
            and _is_match(row, params.get("Keyword", ""), by_name=True)
        ]
        page, size = (
            params.get_number("CurrentPage", 1),
            params.get_number("ShowSize", 10, high=100),
        )
        return {
            "CertificateList": [
                {**self._to_summary(call.account, row), "CertificateId": str(row.id)}
                for row in _cut_page(rows, page, size)
            ],
            "CurrentPage": page,
            "ShowSize": size,
            "TotalCount": len(rows),
        }

    @operation("GetUserCertificateDetail", resource="CertId")
    def detail(self, call: ServiceCall) -> dict[str, Any]:
        """One certificate; unless CertFilter is true the private key comes with it."""
        row = self._get_row(call, "CertId")
        answer = to_detail(call.account, row)
        return answer if call.params.get_flag("CertFilter") else {**answer, **self._get_secret(row)}

    @operation("GetCertificateDetail", resource="CertificateId")
    def certificate_detail(self, call: ServiceCall) -> dict[str, Any]:
        """One certificate in the newer form, never with its key.

        The field SubjectAlternativeNames is documented but does not come in reality.
        """
        row = self._get_row(call, "CertificateId")
        fields = self._to_summary(call.account, row)
        del fields["SubjectAlternativeNames"]
        chain = [
            {
                "Subject": link.subject,
                "Issuer": link.issuer,
                "NotBefore": to_milliseconds(link.not_before),
                "NotAfter": to_milliseconds(link.not_after),
                "RemainDay": link.remaining_days,
            }
            for link in row.facts.chain
        ]
        return {**fields, "CertificateId": row.id, "CertificateChainList": chain, "Tags": []}

    @operation("DeleteUserCertificate", resource="CertId")
    def delete(self, call: ServiceCall) -> dict[str, Any]:
        """Take a certificate out of the store, unless a resource is bound to it."""
        token = (call.account.access_key_id, call.params.get("ClientToken", ""))
        if token[1] and token in self._deleted:
            return {}
        row = self._get_row(call, "CertId")
        if self._list_users(call.account, row):
            raise ApiError("CertificateInUse", "The certificate is in use and cannot be deleted.")
        self.cloud.certificates.delete(row)
        self._deleted.add(token)
        return {}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"certificates": [{"name", "pem", "key", "source": "upload" | "buy"}]}`."""
        store, owner = self.cloud.certificates, account.access_key_id
        for one in entry["certificates"]:
            source = one.get("source", "upload")
            if source not in SOURCES:
                raise ValueError(f"the source of a certificate is one of {', '.join(SOURCES)}")
            existing = store.find_by_name(owner, one["name"])
            if existing is not None and keep_existing:
                continue
            if existing is not None:
                raise ValueError(f"there is a certificate {one['name']} already")
            store.add(owner, one["name"], one["pem"], one["key"], source=source)
        return len(entry["certificates"])

    def _get_row(self, call: ServiceCall, parameter: str) -> StoredCertificate:
        call.params.require(parameter)
        number = call.params.get_number(parameter, 0)
        row = self.cloud.certificates.get(call.account.access_key_id, number)
        if row is None:
            raise ApiError("NotFound", "The certificate does not exist.", 404)
        return row

    def _get_secret(self, row: StoredCertificate) -> dict[str, str]:
        key = self.cloud.resources.get_material(row.material).key
        if not row.encrypt:
            return {"Cert": row.pem, "Key": key}
        other = self.cloud.resources.get_material(row.encrypt)
        return {
            "SignCert": row.pem,
            "SignPrivateKey": key,
            "EncryptCert": other.pem,
            "EncryptPrivateKey": other.key,
        }

    def _check_space(self, account: str) -> None:
        limit = self.cloud.limits["cas"]
        if limit is not None and len(self.cloud.certificates.list_of(account)) >= limit:
            raise ApiError("CertificateQuotaExceeded", "No more certificates can be uploaded.")

    def _list_users(self, account: SandboxAccount, row: StoredCertificate) -> list[str]:
        """The products that use it, as the store calls them."""
        found = {one.service.upper() for one in self.cloud.resources.list_users(row.id)}
        identifier = f"{row.id}-{account.region}"
        if any(uses(account.access_key_id, identifier) for uses in self.cloud.users):
            found.add("SAE")
        return sorted(found)

    def _to_summary(self, account: SandboxAccount, row: StoredCertificate) -> dict[str, Any]:
        facts = row.facts
        return {
            "Algorithm": facts.algorithm,
            "CertIdentifier": f"{row.id}-{account.region}",
            "CertificateName": row.name,
            "CertificateSource": row.source.upper(),
            "CertificateStatus": get_status(facts),
            "CommonName": facts.common_name,
            "Domain": ",".join(facts.names),
            "ExistPrivateKey": True,
            "FingerPrint": facts.sha1.upper(),
            "InstanceId": build_instance_id(row),
            "Issuer": facts.issuer,
            "KeySize": facts.key_size,
            "NotAfter": to_milliseconds(facts.not_after),
            "NotBefore": to_milliseconds(facts.not_before),
            "Serial": facts.serial,
            "SubjectAlternativeNames": list(facts.names),
            "UsingProductList": self._list_users(account, row),
        }


SERVICE = Cas


def _is_match(row: StoredCertificate, keyword: str, *, by_name: bool) -> bool:
    texts = [*row.facts.names, row.facts.common_name, build_instance_id(row)]
    return any(keyword in text for text in ([*texts, row.name] if by_name else texts))


def _cut_page(rows: list[StoredCertificate], page: int, size: int) -> list[StoredCertificate]:
    return rows[(page - 1) * size : page * size]
