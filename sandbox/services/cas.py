"""Certificate Management Service: upload, list, read and delete certificates.

Unconfirmed against the real cloud: the error code NameRepeat, that a certificate in use cannot be
deleted, and that a listing tells of an SM2 pair the certificate that signs. No limit is documented:
here there is one only after it was set by the control API, and its code is made up.
"""

from typing import Any

from sandbox.cloud import Cloud
from sandbox.errors import CloudError, invalid
from sandbox.options import Account
from sandbox.service import Call, Service, operation
from sandbox.services._cas_fields import detail, has_status, instance_id, ms, order, status
from sandbox.services._cas_uploads import uploaded
from sandbox.store import SOURCES, Certificate

NAME_LIMIT = 63


class Cas(Service):
    """API version 2020-04-07."""

    product = "cas"
    version = "2020-04-07"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._deleted: set[tuple[str, str]] = set()  # account and client token

    @operation("UploadUserCertificate", resource="Name")
    def upload(self, call: Call) -> dict[str, Any]:
        """Put a certificate into the store; a repeated client token gives the same answer."""
        params, store = call.params, self.cloud.certificates
        name = params.need("Name")
        if len(name) > NAME_LIMIT:
            raise invalid("Name")
        (pem, key), other = uploaded(params)
        account, token = call.account.access_key_id, params.get("ClientToken", "")
        row = store.by_token(account, token)
        if row is None:
            if store.by_name(account, name) is not None:
                raise CloudError("NameRepeat", "The certificate name already exists.")
            self._check_space(account)
            encrypt = self.cloud.resources.keep_material(*other) if other else ""
            row = store.add(account, name, pem, key, token=token, encrypt=encrypt)
        elif (row.name, row.pem) != (name, pem):
            raise CloudError(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        return {"CertId": row.id, "ResourceId": instance_id(row)}

    @operation("ListUserCertificateOrder", resource="Keyword")
    def list_orders(self, call: Call) -> dict[str, Any]:
        """One page of certificates; orders (CPACK, BUY) do not exist here."""
        params = call.params
        kind, wanted = params.get("OrderType", "CPACK"), params.get("Status", "")
        keyword = params.get("Keyword", "")
        owner, store = call.account.access_key_id, self.cloud.certificates
        # Without a wish, all that is not yet expired: asked for page by page of very many.
        rows = store.of(owner) if wanted else store.unexpired(owner)
        if kind != "CERT":
            rows = [row for row in rows if kind == "UPLOAD" and row.source == "upload"]
        if wanted:
            rows = [row for row in rows if has_status(row.facts, wanted)]
        if keyword:
            rows = [row for row in rows if _matches(row, keyword, by_name=False)]
        page, size = params.number("CurrentPage", 1), params.number("ShowSize", 50)
        return {
            "CertificateOrderList": [order(row) for row in _page(rows, page, size)],
            "CurrentPage": page,
            "ShowSize": size,
            "TotalCount": len(rows),
        }

    @operation("ListCertificates", resource="Keyword")
    def list_certificates(self, call: Call) -> dict[str, Any]:
        """One page of certificates in the newer form, with the products that use each."""
        params = call.params
        source, wanted = params.get("CertificateSource", ""), params.get("CertificateStatus", "")
        rows = [
            row
            for row in self.cloud.certificates.of(call.account.access_key_id)
            if source in ("", row.source.upper())
            and wanted in ("", status(row.facts))
            and _matches(row, params.get("Keyword", ""), by_name=True)
        ]
        page, size = params.number("CurrentPage", 1), params.number("ShowSize", 10, high=100)
        return {
            "CertificateList": [
                {**self._summary(call.account, row), "CertificateId": str(row.id)}
                for row in _page(rows, page, size)
            ],
            "CurrentPage": page,
            "ShowSize": size,
            "TotalCount": len(rows),
        }

    @operation("GetUserCertificateDetail", resource="CertId")
    def detail(self, call: Call) -> dict[str, Any]:
        """One certificate; unless CertFilter is true the private key comes with it."""
        row = self._row(call, "CertId")
        told = detail(call.account, row)
        return told if call.params.flag("CertFilter") else {**told, **self._secret(row)}

    @operation("GetCertificateDetail", resource="CertificateId")
    def certificate_detail(self, call: Call) -> dict[str, Any]:
        """One certificate in the newer form, never with its key.

        The field SubjectAlternativeNames is documented but does not come in reality.
        """
        row = self._row(call, "CertificateId")
        fields = self._summary(call.account, row)
        del fields["SubjectAlternativeNames"]
        chain = [
            {
                "Subject": link.subject,
                "Issuer": link.issuer,
                "NotBefore": ms(link.not_before),
                "NotAfter": ms(link.not_after),
                "RemainDay": link.remaining_days,
            }
            for link in row.facts.chain
        ]
        return {**fields, "CertificateId": row.id, "CertificateChainList": chain, "Tags": []}

    @operation("DeleteUserCertificate", resource="CertId")
    def delete(self, call: Call) -> dict[str, Any]:
        """Take a certificate out of the store, unless a resource is bound to it."""
        token = (call.account.access_key_id, call.params.get("ClientToken", ""))
        if token[1] and token in self._deleted:
            return {}
        row = self._row(call, "CertId")
        if self._users(call.account, row):
            raise CloudError("CertificateInUse", "The certificate is in use and cannot be deleted.")
        self.cloud.certificates.drop(row)
        self._deleted.add(token)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"certificates": [{"name", "pem", "key", "source": "upload" | "buy"}]}`."""
        store, owner = self.cloud.certificates, account.access_key_id
        for one in entry["certificates"]:
            source = one.get("source", "upload")
            if source not in SOURCES:
                raise ValueError(f"the source of a certificate is one of {', '.join(SOURCES)}")
            existing = store.by_name(owner, one["name"])
            if existing is not None and keep:
                continue
            if existing is not None:
                raise ValueError(f"there is a certificate {one['name']} already")
            store.add(owner, one["name"], one["pem"], one["key"], source=source)
        return len(entry["certificates"])

    def _row(self, call: Call, parameter: str) -> Certificate:
        call.params.need(parameter)
        number = call.params.number(parameter, 0)
        row = self.cloud.certificates.get(call.account.access_key_id, number)
        if row is None:
            raise CloudError("NotFound", "The certificate does not exist.", 404)
        return row

    def _secret(self, row: Certificate) -> dict[str, str]:
        key = self.cloud.resources.material(row.material).key
        if not row.encrypt:
            return {"Cert": row.pem, "Key": key}
        other = self.cloud.resources.material(row.encrypt)
        return {
            "SignCert": row.pem,
            "SignPrivateKey": key,
            "EncryptCert": other.pem,
            "EncryptPrivateKey": other.key,
        }

    def _check_space(self, account: str) -> None:
        limit = self.cloud.limits["cas"]
        if limit is not None and len(self.cloud.certificates.of(account)) >= limit:
            raise CloudError("CertificateQuotaExceeded", "No more certificates can be uploaded.")

    def _users(self, account: Account, row: Certificate) -> list[str]:
        """The products that use it, as the store calls them."""
        found = {one.service.upper() for one in self.cloud.resources.users(row.id)}
        identifier = f"{row.id}-{account.region}"
        if any(uses(account.access_key_id, identifier) for uses in self.cloud.users):
            found.add("SAE")
        return sorted(found)

    def _summary(self, account: Account, row: Certificate) -> dict[str, Any]:
        facts = row.facts
        return {
            "Algorithm": facts.algorithm,
            "CertIdentifier": f"{row.id}-{account.region}",
            "CertificateName": row.name,
            "CertificateSource": row.source.upper(),
            "CertificateStatus": status(facts),
            "CommonName": facts.common_name,
            "Domain": ",".join(facts.names),
            "ExistPrivateKey": True,
            "FingerPrint": facts.sha1.upper(),
            "InstanceId": instance_id(row),
            "Issuer": facts.issuer,
            "KeySize": facts.key_size,
            "NotAfter": ms(facts.not_after),
            "NotBefore": ms(facts.not_before),
            "Serial": facts.serial,
            "SubjectAlternativeNames": list(facts.names),
            "UsingProductList": self._users(account, row),
        }


SERVICE = Cas


def _matches(row: Certificate, keyword: str, *, by_name: bool) -> bool:
    texts = [*row.facts.names, row.facts.common_name, instance_id(row)]
    return any(keyword in text for text in ([*texts, row.name] if by_name else texts))


def _page(rows: list[Certificate], page: int, size: int) -> list[Certificate]:
    return rows[(page - 1) * size : page * size]
