"""The certificate store itself: where certificates of an account lie, and products bind them from.

Nothing is served from here, so it lists no resources and binds nothing. `install` puts a
certificate into the store ahead of any deployment.
"""

from datetime import timedelta
from typing import ClassVar, NoReturn

from connectors.alibaba._base import AlibabaConnector, missing
from connectors.alibaba._cas_store import API, PERMISSIONS
from domain.connector import Scenario
from domain.errors import Permanent
from domain.resource import Binding, CertificateRef, Page, Resource


class Cas(AlibabaConnector):
    """The certificate store of one account at its site."""

    title = "Certificate Management Service (CAS)"
    api = API
    scenarios: ClassVar[frozenset[Scenario]] = frozenset()
    permissions = PERMISSIONS
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

    def check(self) -> list[str]:
        """Lists and looks at one certificate; the upload cannot be tried without one."""
        return missing(self.probe_store())


def _nothing_served() -> NoReturn:
    raise Permanent(
        "the certificate store serves nothing by itself",
        code="NotAResource",
        advice="Deploy to a service that binds from it, e.g. alibaba.cdn.",
    )
