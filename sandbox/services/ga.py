"""Global Accelerator: listeners with a default and additional certificates, one lock for all.

A change is asynchronous without a job id: listener and accelerator are being changed until it has
arrived, and the accelerator takes no other change meanwhile.

Unconfirmed against the real cloud: the error codes for a certificate that does not exist, for a
domain that has one already, and for too many in one call.
"""

from typing import Any

from sandbox.errors import CloudError, invalid, missing
from sandbox.resources import Binding, Resource
from sandbox.service import Call, operation
from sandbox.services import _ga_fields as fields
from sandbox.services._ga_fields import Listener
from sandbox.services._ga_state import Accelerators, check_region
from sandbox.services._identified import edge_names, identified

MOST_AT_ONCE = 10


class Ga(Accelerators):
    """The operations."""

    @operation("ListAccelerators", resource="AcceleratorId")
    def list_accelerators(self, call: Call) -> dict[str, Any]:
        """One page of accelerators, 50 at most."""
        check_region(call)
        wanted = call.params.get("AcceleratorId")
        own = [a for a in self.accelerators if a.account == call.account.access_key_id]
        rows = [row for row in own if wanted in (None, row.id)]
        shown, paging = _page(call, rows)
        listed = [fields.accelerator(row, self.state(row)) for row in shown]
        return {"Accelerators": [{**one, "Type": "Standard"} for one in listed], **paging}

    @operation("DescribeAccelerator", resource="AcceleratorId")
    def describe_accelerator(self, call: Call) -> dict[str, Any]:
        """One accelerator; it is being configured while any slot of it is."""
        row = self.accelerator(call, call.params.need("AcceleratorId"))
        return fields.accelerator(row, self.state(row))

    @operation("ListListeners", resource="AcceleratorId")
    def list_listeners(self, call: Call) -> dict[str, Any]:
        """One page of an accelerator's listeners, 50 at most, with their default certificates."""
        owner = self.accelerator(call, call.params.need("AcceleratorId"))
        own = [one for one in self.listeners if one.account == owner.account]
        rows = [row for row in own if row.accelerator == owner.id]
        shown, paging = _page(call, rows)
        return {"Listeners": [self._told(call, row) for row in shown], **paging}

    @operation("DescribeListener", resource="ListenerId")
    def describe_listener(self, call: Call) -> dict[str, Any]:
        """One listener; it is updating while any slot of it is."""
        told = self._told(call, self.listener(call))
        return {**told, "CreateTime": str(told["CreateTime"]), "RelatedAcls": []}

    @operation("ListListenerCertificates", resource="ListenerId")
    def list_certificates(self, call: Call) -> dict[str, Any]:
        """Certificates of a listener, up to 50 from the token on; default, additional, or both."""
        listener = self._secured(call)
        role = call.params.get("Role")
        if role not in (None, "default", "additional"):
            raise invalid("Role")
        rows = [
            row
            for row in self.slots(call.account, listener.id)
            if row.binding and (role is None or _is_default(row) == (role == "default"))
        ]
        size = call.params.number("MaxResults", 20, high=50)
        start = call.params.number("NextToken", 0, low=0)
        following = {"NextToken": str(start + size)} if start + size < len(rows) else {}
        return {
            "Certificates": [fields.certificate(call.account, r) for r in rows[start:][:size]],
            "MaxResults": size,
            "TotalCount": len(rows),
            **following,
        }

    @operation("UpdateListener", resource="ListenerId")
    def update_listener(self, call: Call) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        listener = self._unlocked(call)
        given = call.params.listed("Certificates")
        if len(given) != 1:
            raise invalid("Certificates")
        binding = self._certificate(call, given[0].need("Id"))
        row = self.slot(call.account, listener.id, None)
        if row is None:
            raise CloudError("NotSupport.Protocol", "The listener is not an HTTPS listener.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    @operation("AssociateAdditionalCertificatesWithListener", resource="Certificates.1.Domain")
    def associate(self, call: Call) -> dict[str, Any]:
        """Add certificates for domains that have none yet."""
        self._secured(call)
        listener = self._unlocked(call)
        given = call.params.listed("Certificates")
        _check_number("Certificates", len(given))
        wanted = {one.need("Domain"): self._certificate(call, one.need("Id")) for one in given}
        for domain in wanted:
            row = self.slot(call.account, listener.id, domain)
            if row is not None and row.binding:
                raise CloudError("Exist.Domain", f"The domain {domain} has a certificate already.")
        for domain, binding in wanted.items():
            row = self.slot(call.account, listener.id, domain)
            if row is None:
                hosts = edge_names((domain,))
                row = self.new_slot(call.account, listener, domain, hosts, None)
            self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"ListenerId": listener.id}

    @operation("UpdateAdditionalCertificateWithListener", resource="Domain")
    def update_additional(self, call: Call) -> dict[str, Any]:
        """Replace the certificate of one domain."""
        self._secured(call)
        listener = self._unlocked(call)
        row = self._additional(call, listener, call.params.need("Domain"))
        binding = self._certificate(call, call.params.need("CertificateId"))
        if not call.params.flag("DryRun"):
            self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"ListenerId": listener.id}

    @operation("DissociateAdditionalCertificatesFromListener", resource="Domains.1")
    def dissociate(self, call: Call) -> dict[str, Any]:
        """Take the certificates of domains away."""
        self._secured(call)
        listener = self._unlocked(call)
        domains = [one.need("") for one in call.params.listed("Domains")]
        _check_number("Domains", len(domains))
        for row in [self._additional(call, listener, domain) for domain in domains]:
            self.cloud.resources.bind(row, None, unserved=call.unserved)
        return {}

    def _additional(self, call: Call, listener: Listener, domain: str) -> Resource:
        row = self.slot(call.account, listener.id, domain)
        if row is None or row.binding is None:
            raise CloudError("NotExist.Domain", f"The domain {domain} has no certificate.")
        return row

    def _certificate(self, call: Call, text: str) -> Binding:
        binding = identified(self.cloud, call.account, text)
        if binding is None:
            raise CloudError("NotExist.Certificate", f"The certificate {text} does not exist.")
        return binding

    def _secured(self, call: Call) -> Listener:
        """The HTTPS listener that a call about additional certificates names with its owner."""
        owner = self.accelerator(call, call.params.need("AcceleratorId"))
        listener = self.listener(call)
        if listener.accelerator != owner.id:
            raise CloudError("NotExist.Listener", f"The listener {listener.id} does not exist.")
        if self.slot(call.account, listener.id, None) is None:
            raise CloudError("NotSupport.Protocol", "The listener is not an HTTPS listener.")
        return listener

    def _unlocked(self, call: Call) -> Listener:
        """The listener, unless it or anything else on its accelerator is being changed."""
        listener = self.listener(call)
        owner = self.accelerator(call, listener.accelerator)
        if any(not row.settled for row in self.slots(call.account, listener.id)):
            raise CloudError("StateError.Listener", f"The state of {listener.id} is invalid.")
        if self.state(owner) != "active":
            raise CloudError("StateError.Accelerator", f"The state of {owner.id} is invalid.")
        return listener

    def _told(self, call: Call, row: Listener) -> dict[str, Any]:
        default = self.slot(call.account, row.id, None)
        busy = any(not slot.settled for slot in self.slots(call.account, row.id))
        return fields.listener(call.account, row, default, "updating" if busy else "active")


SERVICE = Ga


def _page(call: Call, rows: list[Any]) -> tuple[list[Any], dict[str, int]]:
    number = call.params.number("PageNumber", 1, high=100_000)
    size = call.params.number("PageSize", 10, high=50)
    paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
    return rows[(number - 1) * size : number * size], paging


def _is_default(row: Resource) -> bool:
    return row.attributes["domain"] is None


def _check_number(parameter: str, given: int) -> None:
    if not given:
        raise missing(parameter)
    if given > MOST_AT_ONCE:
        raise invalid(parameter)
