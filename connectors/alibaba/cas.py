"""The certificate store itself: where certificates of an account lie, and products bind them from.

Nothing is served from here, so it lists no resources and binds nothing. `install` puts a
certificate into the store ahead of any deployment. What our own uploads left there is removed
again by way of this connector, see `_cas_removal`. No limit of the store is documented.
"""

from datetime import timedelta
from typing import ClassVar, NoReturn

from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._bases.base import AlibabaConnector, missing
from connectors.alibaba._stores import cas_removal as removal
from connectors.alibaba._stores.cas import API, PERMISSIONS
from domain.certificates.certificate import Certificate
from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Page, Resource


class Cas(AlibabaConnector):
    """The certificate store of one account at its site."""

    title = "Certificate Management Service (CAS)"
    api = API
    scenarios: ClassVar[frozenset[Scenario]] = frozenset()
    permissions = (*PERMISSIONS, *removal.PERMISSIONS)
    queries_per_second = 10  # of the listing, as documented
    propagation = timedelta(0)

    def discover(self, page: str | None = None) -> Page:
        """Always empty: a store serves nothing."""
        return Page(found=(), total=0)

    def read(self, resource: Resource) -> Binding | None:
        """Raises Permanent."""
        _nothing_served()

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Raises Permanent."""
        _nothing_served()

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Raises Permanent."""
        _nothing_served()

    def removable(self, ref: CertificateRef) -> str | None:
        """Names the products that use it."""
        users = removal.users(self.cas, ref.fields["cert_id"])
        return f"the store says that it is in use by {', '.join(users)}" if users else None

    def remove(self, ref: CertificateRef) -> None:
        """Removes it, unless the store refuses."""
        removal.remove(self.cas, ref.fields["cert_id"])

    def lying(self, store: str, certificate: Certificate) -> CertificateRef | None:
        """Where it lies; the listing may be a minute old."""
        leaf = read_leaf(certificate.chain_pem)
        return self.cas.find(leaf) if leaf else None

    def check(self) -> list[str]:
        """Lists and looks at one certificate; upload and removal cannot be tried without one."""
        uses = f"{API.ram}:{removal.USES}"
        return missing([*self.probe_store(), (uses, self._probe_uses)])

    def _probe_uses(self) -> None:
        cert_id = self.cas.probe()
        if cert_id is not None:
            removal.users(self.cas, cert_id)


def _nothing_served() -> NoReturn:
    raise Permanent(
        "the certificate store serves nothing by itself",
        code="NotAResource",
        advice="Deploy to a service that binds from it, e.g. alibaba.cdn.",
    )
