"""Global Accelerator, HTTPS listeners: each serves one default certificate, and always has one.

A change locks the whole accelerator, gives no job id, and is over when listener and accelerator
are active again. The names that a listener answers to are told by no operation: those of the
certificate that it serves stand for them.

Not documented: the limit of calls (five a second is this project's own choice) and how long the
points of presence take (ten minutes, likewise).
"""

from collections.abc import Iterator

from connectors.alibaba._api.tags import tags
from connectors.alibaba._bases.accelerators import PERMISSIONS, WHERE, GaConnector, Row
from connectors.alibaba._bases.stored import hosts
from domain.errors import Permanent
from domain.resources.resource import Binding, CertificateRef, Found, Resource


class GaListener(GaConnector):
    """Default certificates of HTTPS listeners."""

    title = "Global Accelerator (GA), default certificates of listeners"
    permissions = ("ga:UpdateListener", *PERMISSIONS)

    def slots(self, accelerator: Row, listener: Row) -> Iterator[Found]:
        """The one default slot."""
        binding = self.served(_identifier(listener))
        names = hosts(binding.names) if binding else ()
        yield Found(
            resource=self.resource(accelerator, listener, None, names),
            binding=binding,
            binding_known=True,
            tags=tags(accelerator.get("Tags")),
        )

    calls_per_change = 4

    def read(self, resource: Resource) -> Binding | None:
        """The default certificate."""
        return self.served(_identifier(self.listener(resource)))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces the default certificate; all else stays as it is. None raises Permanent."""
        if ref is None:
            raise Permanent("an HTTPS listener always has a certificate", code="AlwaysOn")
        certificates = [{"Id": ref.fields["identifier"]}]
        listener = {"ListenerId": resource.detail["listener"]}
        self.client.call("UpdateListener", {**WHERE, **listener, "Certificates": certificates})

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether it shows the certificate, and nothing is being changed any more."""
        listener = self.listener(resource)
        shown = ref is not None and _identifier(listener) == ref.fields["identifier"]
        return shown and self.at_rest(resource, listener)

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is always a former certificate, unless the store has lost it."""
        if before is None:
            return "an HTTPS listener always has a certificate: there is no way back to none"
        return super().not_reversible(resource, before)


def _identifier(listener: Row) -> str | None:
    certificates = listener.get("Certificates") or []
    return str(certificates[0]["Id"]) if certificates else None
