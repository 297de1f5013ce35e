"""Global Accelerator, accelerated domains: each serves an additional certificate of a listener.

Additional certificates are told apart by the domain that they are for. One is replaced by one
call; one that was removed meanwhile is added again. A change locks the whole accelerator, gives
no job id, and is over when certificate, listener and accelerator are active again.

Not documented: the limit of calls (five a second is this project's own choice) and how long the
points of presence take (ten minutes, likewise).
"""

from collections.abc import Iterator
from functools import partial

from connectors.alibaba._api.tags import tags
from connectors.alibaba._bases.accelerators import PAGE_SIZE, PERMISSIONS, WHERE, GaConnector, Row
from connectors.alibaba._bases.base import Probe
from connectors.alibaba._bases.stored import hosts
from domain.resources.resource import Binding, CertificateRef, Found, Resource


class GaDomain(GaConnector):
    """Additional certificates of HTTPS listeners, by domain."""

    title = "Global Accelerator (GA), additional certificates of accelerated domains"
    permissions = (
        "ga:ListListenerCertificates",
        "ga:UpdateAdditionalCertificateWithListener",
        "ga:AssociateAdditionalCertificatesWithListener",
        "ga:DissociateAdditionalCertificatesFromListener",
        *PERMISSIONS,
    )
    calls_per_change = 6

    def slots(self, accelerator: Row, listener: Row) -> Iterator[Found]:
        """One slot for each domain that has an additional certificate."""
        for row in self._rows(accelerator["AcceleratorId"], listener["ListenerId"]):
            domain = str(row["Domain"])
            yield Found(
                resource=self.resource(accelerator, listener, domain, hosts((domain,))),
                binding=self.served(row.get("CertificateId")),
                binding_known=True,
                tags=tags(accelerator.get("Tags")),
            )

    def read(self, resource: Resource) -> Binding | None:
        """The additional certificate for the domain; None where there is none any more."""
        row = self._row(resource)
        return self.served(row.get("CertificateId")) if row else None

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces, adds or removes the domain's certificate, whatever is needed to get there."""
        row, domain = self._row(resource), resource.detail["domain"]
        wanted = ref.fields["identifier"] if ref else None
        if (row and row.get("CertificateId")) == wanted:
            return
        ids = {
            "AcceleratorId": resource.detail["accelerator"],
            "ListenerId": resource.detail["listener"],
        }
        change: dict[str, object]
        if wanted is None:
            action, change = "DissociateAdditionalCertificatesFromListener", {"Domains": [domain]}
        elif row is None:
            action = "AssociateAdditionalCertificatesWithListener"
            change = {"Certificates": [{"Id": wanted, "Domain": domain}]}
        else:
            action = "UpdateAdditionalCertificateWithListener"
            change = {"Domain": domain, "CertificateId": wanted}
        self.client.call(action, {**WHERE, **ids, **change})

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether it shows the certificate, or none, and nothing is being changed any more."""
        row = self._row(resource)
        if ref is None or row is None:
            shown = ref is None and row is None
        else:
            same = row.get("CertificateId") == ref.fields["identifier"]
            shown = same and row.get("State") == "active"
        return shown and self.at_rest(resource, self.listener(resource))

    def probe_listener(self, accelerator: Row, listener: Row) -> Iterator[Probe]:
        """Lists the additional certificates of one listener."""
        ids = accelerator["AcceleratorId"], listener["ListenerId"]
        yield "ga:ListListenerCertificates", partial(self._page, *ids, None)

    def _row(self, resource: Resource) -> Row | None:
        rows = self._rows(resource.detail["accelerator"], resource.detail["listener"])
        return next((row for row in rows if row["Domain"] == resource.detail["domain"]), None)

    def _rows(self, accelerator: str, listener: str) -> Iterator[Row]:
        token: str | None = None
        while True:
            reply = self._page(accelerator, listener, token)
            yield from (row for row in reply.get("Certificates") or [] if row.get("Domain"))
            token = reply.get("NextToken") or None
            if token is None:
                return

    def _page(self, accelerator: str, listener: str, token: str | None) -> Row:
        ids = {"AcceleratorId": accelerator, "ListenerId": listener}
        page = {"Role": "additional", "MaxResults": PAGE_SIZE, "NextToken": token}
        return self.client.call("ListListenerCertificates", {**WHERE, **ids, **page})
