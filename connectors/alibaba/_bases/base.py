"""What all connectors of Alibaba Cloud have in common."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from pydantic import BaseModel

from connectors.alibaba._api.account import Settings
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
from domain.resources.connector import NO_MEMORY, Connector, Memory, OpenKey, Paces, Vault, unpaced
from domain.resources.resource import CertificateRef, Resource

Probe = tuple[str, Callable[[], object]]


class AlibabaConnector(Connector):
    """A connector whose service binds certificates from the certificate store."""

    settings_model = Settings
    api: ClassVar[Api]

    def __init__(
        self,
        account: str,
        settings: BaseModel,
        vault: Vault | None = None,
        paces: Paces = unpaced,
        memory: Memory = NO_MEMORY,
    ) -> None:
        super().__init__(account, settings, vault, paces, memory)
        self._settings = Settings.model_validate(settings)
        self.service = type(self).__module__.removeprefix("connectors.")
        self.pace = paces(self.budget or self.service, self.queries_per_second)
        self.client = Client(self._settings, self.api, self.pace)
        listing, details = (CAS, CAS_CALLS_PER_SECOND), (CAS_DETAILS, CAS_DETAILS_PER_SECOND)
        self.cas = CasStore(self._settings, paces(*listing), paces(*details))
        self.prepare()

    def prepare(self) -> None:
        """Makes what this connector needs beside; called once, when all else is there."""

    def store(self, resource: Resource) -> str:
        """The account's certificate store at its site."""
        return self.cas.name

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Finds it in the certificate store, or else uploads it."""
        return self.cas.install(certificate, key)

    def probe_store(self) -> list[Probe]:
        """What `missing` tries of the store's permissions; an upload is not tried."""
        found: list[str] = []

        def listing() -> None:
            cert_id = self.cas.probe()
            found.extend([] if cert_id is None else [cert_id])

        return [
            ("yundun-cert:ListUserCertificateOrder", listing),
            ("yundun-cert:GetUserCertificateDetail", lambda: [*map(self.cas.detail, found)]),
        ]


def missing(probes: Iterable[Probe]) -> list[str]:
    """One line for each permission whose call was refused; only one if the account itself was."""
    lines: list[str] = []
    for permission, call in probes:
        try:
            call()
        except NeedsOperator as error:
            if is_credential_error(error):
                return [str(error)]
            lines.append(f"{permission}: {error}")
    return lines
