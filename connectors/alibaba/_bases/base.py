"""The base of all connectors of Alibaba Cloud."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from pydantic import BaseModel

from connectors.alibaba._api.account import AlibabaSettings
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import is_credential_error
from connectors.alibaba._stores.cas import (
    CAS,
    CAS_CALLS_PER_SECOND,
    CAS_DETAILS,
    CAS_DETAILS_PER_SECOND,
    CasStore,
)
from domain.certificates.certificate import Certificate
from domain.errors import NeedsOperator
from domain.resources.connector import (
    NO_LAST_BINDINGS,
    Connector,
    KeyVault,
    LastBindingReader,
    OpenKey,
    RateLimits,
    get_no_rate_limit,
)
from domain.resources.resource import CertificateRef, Resource

Probe = tuple[str, Callable[[], object]]


class AlibabaConnector(Connector):
    """A connector whose service binds certificates from the certificate store."""

    settings_model = AlibabaSettings
    api: ClassVar[Api]

    def __init__(
        self,
        account: str,
        settings: BaseModel,
        vault: KeyVault | None = None,
        rate_limits: RateLimits = get_no_rate_limit,
        last_bindings: LastBindingReader = NO_LAST_BINDINGS,
    ) -> None:
        super().__init__(account, settings, vault, rate_limits, last_bindings)
        self._settings = AlibabaSettings.model_validate(settings)
        self.service = type(self).__module__.removeprefix("connectors.")
        self.rate_limit = rate_limits(self.budget or self.service, self.queries_per_second)
        self.client = Client(self._settings, self.api, self.rate_limit)
        listing, details = (CAS, CAS_CALLS_PER_SECOND), (CAS_DETAILS, CAS_DETAILS_PER_SECOND)
        self.cas = CasStore(self._settings, rate_limits(*listing), rate_limits(*details))
        self.prepare()

    def prepare(self) -> None:
        """Builds what this connector needs in addition; called once, at the end of `__init__`."""

    def store_name(self, resource: Resource) -> str:
        """The account's certificate store at its site."""
        return self.cas.name

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Finds it in the certificate store, else uploads it."""
        return self.cas.install(certificate, key)

    def list_store_probes(self) -> list[Probe]:
        """Probes of the store's reading permissions; an upload is not tried."""
        found: list[str] = []

        def listing() -> None:
            cert_id = self.cas.probe()
            found.extend([] if cert_id is None else [cert_id])

        return [
            ("yundun-cert:ListUserCertificateOrder", listing),
            ("yundun-cert:GetUserCertificateDetail", lambda: [*map(self.cas.get_detail, found)]),
        ]


def list_missing_permissions(probes: Iterable[Probe]) -> list[str]:
    """One line for each permission whose call was refused; one line if the account was refused."""
    lines: list[str] = []
    for permission, call in probes:
        try:
            call()
        except NeedsOperator as error:
            if is_credential_error(error):
                return [str(error)]
            lines.append(f"{permission}: {error}")
    return lines
