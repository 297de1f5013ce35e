"""Global Accelerator, accelerated domains: each serves an additional certificate of a listener.

API: https://api.alibabacloud.com/document/Ga/2019-11-20/UpdateAdditionalCertificateWithListener

What it serves: one additional certificate for each domain of an HTTPS listener.

How a certificate is bound: `UpdateAdditionalCertificateWithListener` replaces the certificate of a
domain. A certificate that was removed meanwhile is added again. A change locks the whole
accelerator and returns no job id. It is over when certificate, listener and accelerator are active
again.

Unconfirmed: nothing beside the limits.

Limits: no rate limit and no propagation time is documented. Five calls a second and ten minutes
are this project's own choice.
"""

from collections.abc import Iterator
from functools import partial

from connectors.alibaba._api.tags import to_tags
from connectors.alibaba._bases.accelerators import PAGE_SIZE, PERMISSIONS, REGION, GaConnector, Row
from connectors.alibaba._bases.base import Probe
from connectors.alibaba._bases.stored import to_hostnames
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Resource


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

    def build_slots(self, accelerator: Row, listener: Row) -> Iterator[DiscoveredResource]:
        """One slot for each domain that has an additional certificate."""
        for row in self._list_rows(accelerator["AcceleratorId"], listener["ListenerId"]):
            domain = str(row["Domain"])
            yield DiscoveredResource(
                resource=self.build_resource(
                    accelerator, listener, domain, to_hostnames((domain,))
                ),
                binding=self.get_binding(row.get("CertificateId")),
                binding_known=True,
                tags=to_tags(accelerator.get("Tags")),
            )

    def read(self, resource: Resource) -> Binding | None:
        """The additional certificate for the domain; None where there is none any more."""
        row = self._find_row(resource)
        return self.get_binding(row.get("CertificateId")) if row else None

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces, adds or removes the domain's certificate, whatever is needed to get there."""
        row, domain = self._find_row(resource), resource.detail["domain"]
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
        self.client.call(action, {**REGION, **ids, **change})

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether it shows the certificate, or none, and nothing is being changed any more."""
        row = self._find_row(resource)
        if ref is None or row is None:
            shown = ref is None and row is None
        else:
            same = row.get("CertificateId") == ref.fields["identifier"]
            shown = same and row.get("State") == "active"
        return shown and self.is_at_rest(resource, self.get_listener(resource))

    def list_listener_probes(self, accelerator: Row, listener: Row) -> Iterator[Probe]:
        """Lists the additional certificates of one listener."""
        ids = accelerator["AcceleratorId"], listener["ListenerId"]
        yield "ga:ListListenerCertificates", partial(self._get_page, *ids, None)

    def _find_row(self, resource: Resource) -> Row | None:
        rows = self._list_rows(resource.detail["accelerator"], resource.detail["listener"])
        return next((row for row in rows if row["Domain"] == resource.detail["domain"]), None)

    def _list_rows(self, accelerator: str, listener: str) -> Iterator[Row]:
        token: str | None = None
        while True:
            reply = self._get_page(accelerator, listener, token)
            yield from (row for row in reply.get("Certificates") or [] if row.get("Domain"))
            token = reply.get("NextToken") or None
            if token is None:
                return

    def _get_page(self, accelerator: str, listener: str, token: str | None) -> Row:
        ids = {"AcceleratorId": accelerator, "ListenerId": listener}
        page = {"Role": "additional", "MaxResults": PAGE_SIZE, "NextToken": token}
        return self.client.call("ListListenerCertificates", {**REGION, **ids, **page})
