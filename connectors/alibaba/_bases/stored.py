"""For services that name the certificate they serve by the store's own identifier."""

import threading
import time
from datetime import UTC, datetime

from connectors.alibaba._api.account import Site
from connectors.alibaba._bases.base import AlibabaConnector
from connectors.alibaba._stores.cas import digests, reference
from connectors.alibaba._stores.cas_listing import FRESH_SECONDS, Row
from domain.certificates.hostnames import canonical
from domain.certificates.keys import Algorithm
from domain.errors import Permanent
from domain.resources.resource import Binding, Resource

SHA256_DIGITS = 64


class StoredConnector(AlibabaConnector):
    """Reads what an identifier stands for in the store, and remembers it for a minute."""

    def prepare(self) -> None:
        """What is known of the store's certificates, for a minute each."""
        super().prepare()
        self._known: dict[str, tuple[float, Row]] = {}
        self._known_lock = threading.Lock()

    def served(self, identifier: str | None) -> Binding | None:
        """The binding behind "123-cn-hangzhou" or plain "123"; None for none.

        Without fingerprint where the certificate lies at the other site or was deleted since.
        """
        if not identifier:
            return None
        cert_id, _, region = identifier.partition("-")
        site = Site.of_region(region) if region else self.cas.site
        row = self._facts(cert_id) if site is self.cas.site else {}
        return Binding(
            fingerprint=next((d for d in digests(row) if len(d) == SHA256_DIGITS), None),
            ref=reference(cert_id, site),
            name=row.get("Name") or None,
            names=tuple(name.lower() for name in str(row.get("Sans") or "").split(",") if name),
            not_after=moment(row.get("NotAfter")),
            algorithm=_algorithm(row),
            issuer=_issuer(row),
        )

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate that is gone from the store cannot be bound again."""
        if before is not None and before.fingerprint is None:
            return "the certificate that it serves does not lie in this account's store any more"
        return super().not_reversible(resource, before)

    def _facts(self, cert_id: str) -> Row:
        with self._known_lock:
            known = self._known.get(cert_id)
        if known and time.monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            row = self.cas.detail(cert_id)
        except Permanent as error:
            if not error.code.startswith("NotFound"):
                raise
            return {}
        with self._known_lock:
            self._known[cert_id] = time.monotonic(), row
        return row


def moment(milliseconds: object) -> datetime | None:
    """A point in time as the cloud tells it, in UTC; None where it tells none."""
    if isinstance(milliseconds, int | str) and str(milliseconds).isdecimal():
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    return None


def _algorithm(row: Row) -> str | None:
    """The kind of key, written "RSA", "ECC" or "SM2", maybe with its size behind it."""
    told = str(row.get("Algorithm") or "").lower()
    return next((kind.value for kind in Algorithm if told.startswith(kind.value)), None)


def _issuer(row: Row) -> str | None:
    """Who issued the leaf. The chain tells the common name, where "Issuer" may be a brand."""
    chain, leaf = row.get("CertChain") or [], row.get("Common")
    own = [link for link in chain if leaf and link.get("CommonName") == leaf]
    return next((link.get("IssuerCommonName") or None for link in own), None)


def hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names among these that are host names, in the one form in which they are compared."""
    found = (canonical(name) for name in names)
    return tuple(name for name in found if name)
