"""A connector with only the required methods, for tests of the inherited ones."""

from datetime import timedelta

from domain.certificates.certificate import Certificate
from domain.model import Value
from domain.resources.connector import Connector, OpenKey, Scenario
from domain.resources.resource import Binding, CertificateRef, Page, Resource


class NoSettings(Value):
    """No settings."""


class Plain(Connector):
    """It serves nothing, and none of its changes ever arrives."""

    title = "Plain"
    settings_model = NoSettings
    scenarios = frozenset({Scenario.UPDATE})
    permissions = ()
    queries_per_second = 10
    propagation = timedelta(seconds=1)

    def discover(self, page: str | None = None) -> Page:
        return Page(resources=())

    def read(self, resource: Resource) -> Binding | None:
        return None

    def store_name(self, resource: Resource) -> str:
        return "plain"

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        return CertificateRef(store="plain", fields={})

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None: ...

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        return False

    def check(self) -> list[str]:
        return []


def build_plain() -> Plain:
    """A connector of the account `main`."""
    return Plain("main", NoSettings())
