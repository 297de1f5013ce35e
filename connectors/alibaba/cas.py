"""Certificate Management Service (CAS): the store from which the products bind certificates.

API: https://api.alibabacloud.com/document/cas/2020-04-07/UploadUserCertificate

What it serves: nothing. It lists no resources and binds nothing.

How a certificate is bound: not here. `install` puts a certificate into the store ahead of a
deployment. `remove` deletes certificates that we uploaded, after the store was asked which
products use them.

Unconfirmed:
* `GetCertificateDetail` lists the products that use a certificate. It is not documented that the
  list is complete and up to date.
* The error code for the removal of a certificate in use is not documented. Whatever the store
  refuses to remove stays.

Limits: no limit of the store is documented. The listing may be called ten times a second.
"""

from datetime import timedelta
from typing import ClassVar, NoReturn

from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._bases.base import AlibabaConnector, list_missing_permissions
from connectors.alibaba._stores.cas import API, PERMISSIONS, CasStore
from domain.certificates.certificate import Certificate
from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Page, Resource

USES, DELETE = "GetCertificateDetail", "DeleteUserCertificate"


class Cas(AlibabaConnector):
    """The certificate store of one account at its site."""

    title = "Certificate Management Service (CAS)"
    api = API
    scenarios: ClassVar[frozenset[Scenario]] = frozenset()
    permissions = (*PERMISSIONS, f"{API.ram}:{USES}", f"{API.ram}:{DELETE}")
    queries_per_second = 10  # of the listing, as documented
    propagation = timedelta(0)

    def discover(self, page: str | None = None) -> Page:
        """Always empty: a store serves nothing."""
        return Page(resources=(), total=0)

    def read(self, resource: Resource) -> Binding | None:
        """Raises Permanent."""
        _refuse()

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Raises Permanent."""
        _refuse()

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Raises Permanent."""
        _refuse()

    def in_use_by(self, ref: CertificateRef) -> str | None:
        """Names the products that use it."""
        users = _list_users(self.cas, ref.fields["cert_id"])
        return f"the store says that it is in use by {', '.join(users)}" if users else None

    def remove(self, ref: CertificateRef) -> None:
        """Removes it, unless the store refuses."""
        _remove(self.cas, ref.fields["cert_id"])

    def find_in_store(self, store: str, certificate: Certificate) -> CertificateRef | None:
        """The reference of it; the listing may be a minute old."""
        leaf = read_leaf(certificate.chain_pem)
        return self.cas.find(leaf) if leaf else None

    def check(self) -> list[str]:
        """Reads one certificate; upload and removal cannot be tried without changes."""
        uses = f"{API.ram}:{USES}"
        return list_missing_permissions([*self.list_store_probes(), (uses, self._probe_uses)])

    def _probe_uses(self) -> None:
        cert_id = self.cas.probe()
        if cert_id is not None:
            _list_users(self.cas, cert_id)


def _list_users(store: CasStore, cert_id: str) -> list[str]:
    """The products that use it, as the store calls them; none for one that is gone."""
    try:
        row = store.client.call(USES, {"CertificateId": cert_id})
    except Permanent as error:
        if not error.code.startswith("NotFound"):
            raise
        return []
    return [str(name) for name in row.get("UsingProductList") or []]


def _remove(store: CasStore, cert_id: str) -> None:
    """Repeating is harmless: a certificate that is gone is no error."""
    try:
        store.client.call(DELETE, {"CertId": cert_id})
    except Permanent as error:
        if not error.code.startswith("NotFound"):
            raise
    store.forget_listing()


def _refuse() -> NoReturn:
    raise Permanent(
        "the certificate store serves nothing by itself",
        code="NotAResource",
        advice="Deploy to a service that binds from it, e.g. alibaba.cdn.",
    )
