"""Taking a certificate out of the certificate store (CAS), after asking the store who uses it.

Unconfirmed, and kept here only:
* The newer detail lists the products that a certificate is deployed to. That it lists all of them,
  and at once, is not documented.
* Nor is the code with which a certificate in use is refused. Whatever is refused stays.
"""

from connectors.alibaba._stores.cas import API, CasStore
from domain.errors import Permanent

USES, DELETE = "GetCertificateDetail", "DeleteUserCertificate"
PERMISSIONS = tuple(f"{API.ram}:{action}" for action in (USES, DELETE))


def users(store: CasStore, cert_id: str) -> list[str]:
    """The products that use it, as the store calls them; none for one that is gone."""
    try:
        row = store.client.call(USES, {"CertificateId": cert_id})
    except Permanent as error:
        if not error.code.startswith("NotFound"):
            raise
        return []
    return [str(name) for name in row.get("UsingProductList") or []]


def remove(store: CasStore, cert_id: str) -> None:
    """Removes it; one that is gone is fine."""
    try:
        store.client.call(DELETE, {"CertId": cert_id})
    except Permanent as error:
        if not error.code.startswith("NotFound"):
            raise
    store.forget_listing()
