"""The base of services that name their certificate by its identifier in the store."""

import threading
import time
from datetime import UTC, datetime

from connectors.alibaba._api.account import Site
from connectors.alibaba._bases.base import AlibabaConnector
from connectors.alibaba._stores.cas import build_reference, read_digests
from connectors.alibaba._stores.cas_listing import FRESH_SECONDS, Row
from domain.certificates.hostnames import to_canonical
from domain.certificates.keys import Algorithm
from domain.errors import Permanent
from domain.resources.resource import Binding, Resource

SHA256_DIGITS = 64
GONE_FROM_STORE = "this account's store does not have the certificate that it serves any more"


class StoredConnector(AlibabaConnector):
    """Reads the certificate of an identifier from the store and caches it for a minute."""

    def prepare(self) -> None:
        """Sets up the cache."""
        super().prepare()
        self._known: dict[str, tuple[float, Row]] = {}
        self._known_lock = threading.Lock()

    def get_binding(self, identifier: str | None) -> Binding | None:
        """The binding of "123-cn-hangzhou" or plain "123"; None for none.

        It has no fingerprint if the certificate belongs to the other site or was deleted.
        """
        if not identifier:
            return None
        cert_id, _, region = identifier.partition("-")
        site = Site.from_region(region) if region else self.cas.site
        row = self._get_details(cert_id) if site is self.cas.site else {}
        return Binding(
            fingerprint=next((d for d in read_digests(row) if len(d) == SHA256_DIGITS), None),
            ref=build_reference(cert_id, site),
            name=row.get("Name") or None,
            names=tuple(name.lower() for name in str(row.get("Sans") or "").split(",") if name),
            not_after=parse_milliseconds(row.get("NotAfter")),
            algorithm=_get_algorithm(row),
            issuer=_get_issuer(row),
        )

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate that is gone from the store cannot be bound again."""
        if before is not None and before.fingerprint is None:
            return GONE_FROM_STORE
        return super().explain_not_reversible(resource, before)

    def _get_details(self, cert_id: str) -> Row:
        with self._known_lock:
            known = self._known.get(cert_id)
        if known and time.monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            row = self.cas.get_detail(cert_id)
        except Permanent as error:
            if not error.code.startswith("NotFound"):
                raise
            return {}
        with self._known_lock:
            self._known[cert_id] = time.monotonic(), row
        return row


def parse_milliseconds(milliseconds: object) -> datetime | None:
    """A time in milliseconds as UTC; None if it is no number."""
    if isinstance(milliseconds, int | str) and str(milliseconds).isdecimal():
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    return None


def _get_algorithm(row: Row) -> str | None:
    """The kind of key, which is written "RSA", "ECC" or "SM2", with or without a size."""
    text = str(row.get("Algorithm") or "").lower()
    return next((kind.value for kind in Algorithm if text.startswith(kind.value)), None)


def _get_issuer(row: Row) -> str | None:
    """The common name of the issuer, from the chain: "Issuer" may hold a brand."""
    chain, leaf = row.get("CertChain") or [], row.get("Common")
    own = [link for link in chain if leaf and link.get("CommonName") == leaf]
    return next((link.get("IssuerCommonName") or None for link in own), None)


def to_hostnames(names: tuple[str, ...]) -> tuple[str, ...]:
    """The host names among these names, in canonical form."""
    found = (to_canonical(name) for name in names)
    return tuple(name for name in found if name)
