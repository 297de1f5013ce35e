"""Global Accelerator, HTTPS listeners: each always serves one default certificate.

API: https://api.alibabacloud.com/document/Ga/2019-11-20/UpdateListener

What it serves: the default certificate of each HTTPS listener. No operation tells which names a
listener answers to; the names of its certificate stand for them.

How a certificate is bound: `UpdateListener` replaces the default certificate. A change locks the
whole accelerator and returns no job id. It is over when listener and accelerator are active again.

Unconfirmed: nothing beside the limits.

Limits: no rate limit and no propagation time is documented. Five calls a second and ten minutes
are this project's own choice.
"""

from collections.abc import Iterator

from connectors.alibaba._api.tags import to_tags
from connectors.alibaba._bases.accelerators import PERMISSIONS, REGION, GaConnector, Row
from connectors.alibaba._bases.stored import to_hostnames
from domain.errors import Permanent
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Resource


class GaListener(GaConnector):
    """Default certificates of HTTPS listeners."""

    title = "Global Accelerator (GA), default certificates of listeners"
    permissions = ("ga:UpdateListener", *PERMISSIONS)

    def build_slots(self, accelerator: Row, listener: Row) -> Iterator[DiscoveredResource]:
        """The one default slot."""
        binding = self.get_binding(_get_identifier(listener))
        names = to_hostnames(binding.names) if binding else ()
        yield DiscoveredResource(
            resource=self.build_resource(accelerator, listener, None, names),
            binding=binding,
            binding_known=True,
            tags=to_tags(accelerator.get("Tags")),
        )

    calls_per_change = 4

    def read(self, resource: Resource) -> Binding | None:
        """The default certificate."""
        return self.get_binding(_get_identifier(self.get_listener(resource)))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces the default certificate; all else stays as it is. None raises Permanent."""
        if ref is None:
            raise Permanent("an HTTPS listener always has a certificate", code="AlwaysOn")
        certificates = [{"Id": ref.fields["identifier"]}]
        listener = {"ListenerId": resource.detail["listener"]}
        self.client.call("UpdateListener", {**REGION, **listener, "Certificates": certificates})

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether it shows the certificate, and nothing is being changed any more."""
        listener = self.get_listener(resource)
        shown = ref is not None and _get_identifier(listener) == ref.fields["identifier"]
        return shown and self.is_at_rest(resource, listener)

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is always a former certificate, unless the store has lost it."""
        if before is None:
            return "an HTTPS listener always has a certificate: a rollback to none is impossible"
        return super().explain_not_reversible(resource, before)


def _get_identifier(listener: Row) -> str | None:
    certificates = listener.get("Certificates") or []
    return str(certificates[0]["Id"]) if certificates else None
