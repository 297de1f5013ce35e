"""Global Accelerator: listeners with a default and additional certificates, one lock for all.

A change is asynchronous without a job id: listener and accelerator are being changed until it has
arrived, and the accelerator takes no other change meanwhile.

Unconfirmed against the real cloud: the error codes for a certificate that does not exist, for a
domain that has one already, and for too many in one call.
"""

from typing import Any

from sandbox.errors import ApiError, build_invalid_error, build_missing_error
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import ServiceCall, operation
from sandbox.services import _ga_fields as fields
from sandbox.services._ga_fields import GaListenerRow
from sandbox.services._ga_state import Accelerators, check_region
from sandbox.services._identified import find_binding, to_edge_names

MAX_AT_ONCE = 10


class Ga(Accelerators):
    """The operations."""

    @operation("ListAccelerators", resource="AcceleratorId")
    def list_accelerators(self, call: ServiceCall) -> dict[str, Any]:
        """One page of accelerators, 50 at most."""
        check_region(call)
        wanted = call.params.get("AcceleratorId")
        own = [a for a in self.accelerators if a.account == call.account.access_key_id]
        rows = [row for row in own if wanted in (None, row.id)]
        shown, paging = _cut_page(call, rows)
        listed = [fields.to_accelerator(row, self.get_state(row)) for row in shown]
        return {"Accelerators": [{**one, "Type": "Standard"} for one in listed], **paging}

    @operation("DescribeAccelerator", resource="AcceleratorId")
    def describe_accelerator(self, call: ServiceCall) -> dict[str, Any]:
        """One accelerator; it is being configured while any slot of it is."""
        row = self.get_accelerator(call, call.params.require("AcceleratorId"))
        return fields.to_accelerator(row, self.get_state(row))

    @operation("ListListeners", resource="AcceleratorId")
    def list_listeners(self, call: ServiceCall) -> dict[str, Any]:
        """One page of an accelerator's listeners, 50 at most, with their default certificates."""
        owner = self.get_accelerator(call, call.params.require("AcceleratorId"))
        own = [one for one in self.listeners if one.account == owner.account]
        rows = [row for row in own if row.accelerator == owner.id]
        shown, paging = _cut_page(call, rows)
        return {"Listeners": [self._to_listener(call, row) for row in shown], **paging}

    @operation("DescribeListener", resource="ListenerId")
    def describe_listener(self, call: ServiceCall) -> dict[str, Any]:
        """One listener; it is updating while any slot of it is."""
        answer = self._to_listener(call, self.get_listener(call))
        return {**answer, "CreateTime": str(answer["CreateTime"]), "RelatedAcls": []}

    @operation("ListListenerCertificates", resource="ListenerId")
    def list_certificates(self, call: ServiceCall) -> dict[str, Any]:
        """Certificates of a listener, up to 50 from the token on; default, additional, or both."""
        listener = self._get_https_listener(call)
        role = call.params.get("Role")
        if role not in (None, "default", "additional"):
            raise build_invalid_error("Role")
        rows = [
            row
            for row in self.list_slots(call.account, listener.id)
            if row.binding and (role is None or _is_default(row) == (role == "default"))
        ]
        size = call.params.get_number("MaxResults", 20, high=50)
        start = call.params.get_number("NextToken", 0, low=0)
        following = {"NextToken": str(start + size)} if start + size < len(rows) else {}
        return {
            "Certificates": [
                fields.to_certificate_row(call.account, r) for r in rows[start:][:size]
            ],
            "MaxResults": size,
            "TotalCount": len(rows),
            **following,
        }

    @operation("UpdateListener", resource="ListenerId")
    def update_listener(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        listener = self._get_unlocked_listener(call)
        given = call.params.get_list("Certificates")
        if len(given) != 1:
            raise build_invalid_error("Certificates")
        binding = self._get_binding(call, given[0].require("Id"))
        row = self.find_slot(call.account, listener.id, None)
        if row is None:
            raise ApiError("NotSupport.Protocol", "The listener is not an HTTPS listener.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    @operation("AssociateAdditionalCertificatesWithListener", resource="Certificates.1.Domain")
    def associate(self, call: ServiceCall) -> dict[str, Any]:
        """Add certificates for domains that have none yet."""
        self._get_https_listener(call)
        listener = self._get_unlocked_listener(call)
        given = call.params.get_list("Certificates")
        _check_number("Certificates", len(given))
        wanted = {
            one.require("Domain"): self._get_binding(call, one.require("Id")) for one in given
        }
        for domain in wanted:
            row = self.find_slot(call.account, listener.id, domain)
            if row is not None and row.binding:
                raise ApiError("Exist.Domain", f"The domain {domain} has a certificate already.")
        for domain, binding in wanted.items():
            row = self.find_slot(call.account, listener.id, domain)
            if row is None:
                hosts = to_edge_names((domain,))
                row = self.add_slot(call.account, listener, domain, hosts, None)
            self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"ListenerId": listener.id}

    @operation("UpdateAdditionalCertificateWithListener", resource="Domain")
    def update_additional(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the certificate of one domain."""
        self._get_https_listener(call)
        listener = self._get_unlocked_listener(call)
        row = self._get_additional(call, listener, call.params.require("Domain"))
        binding = self._get_binding(call, call.params.require("CertificateId"))
        if not call.params.get_flag("DryRun"):
            self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"ListenerId": listener.id}

    @operation("DissociateAdditionalCertificatesFromListener", resource="Domains.1")
    def dissociate(self, call: ServiceCall) -> dict[str, Any]:
        """Take the certificates of domains away."""
        self._get_https_listener(call)
        listener = self._get_unlocked_listener(call)
        domains = [one.require("") for one in call.params.get_list("Domains")]
        _check_number("Domains", len(domains))
        for row in [self._get_additional(call, listener, domain) for domain in domains]:
            self.cloud.resources.bind(row, None, unserved=call.unserved)
        return {}

    def _get_additional(
        self, call: ServiceCall, listener: GaListenerRow, domain: str
    ) -> SandboxResource:
        row = self.find_slot(call.account, listener.id, domain)
        if row is None or row.binding is None:
            raise ApiError("NotExist.Domain", f"The domain {domain} has no certificate.")
        return row

    def _get_binding(self, call: ServiceCall, text: str) -> SandboxBinding:
        binding = find_binding(self.cloud, call.account, text)
        if binding is None:
            raise ApiError("NotExist.Certificate", f"The certificate {text} does not exist.")
        return binding

    def _get_https_listener(self, call: ServiceCall) -> GaListenerRow:
        """The HTTPS listener that a call about additional certificates names with its owner."""
        owner = self.get_accelerator(call, call.params.require("AcceleratorId"))
        listener = self.get_listener(call)
        if listener.accelerator != owner.id:
            raise ApiError("NotExist.Listener", f"The listener {listener.id} does not exist.")
        if self.find_slot(call.account, listener.id, None) is None:
            raise ApiError("NotSupport.Protocol", "The listener is not an HTTPS listener.")
        return listener

    def _get_unlocked_listener(self, call: ServiceCall) -> GaListenerRow:
        """The listener, unless it or anything else on its accelerator is being changed."""
        listener = self.get_listener(call)
        owner = self.get_accelerator(call, listener.accelerator)
        if any(not row.settled for row in self.list_slots(call.account, listener.id)):
            raise ApiError("StateError.Listener", f"The state of {listener.id} is invalid.")
        if self.get_state(owner) != "active":
            raise ApiError("StateError.Accelerator", f"The state of {owner.id} is invalid.")
        return listener

    def _to_listener(self, call: ServiceCall, row: GaListenerRow) -> dict[str, Any]:
        default = self.find_slot(call.account, row.id, None)
        busy = any(not slot.settled for slot in self.list_slots(call.account, row.id))
        return fields.to_listener(call.account, row, default, "updating" if busy else "active")


SERVICE = Ga


def _cut_page(call: ServiceCall, rows: list[Any]) -> tuple[list[Any], dict[str, int]]:
    number = call.params.get_number("PageNumber", 1, high=100_000)
    size = call.params.get_number("PageSize", 10, high=50)
    paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
    return rows[(number - 1) * size : number * size], paging


def _is_default(row: SandboxResource) -> bool:
    return row.attributes["domain"] is None


def _check_number(parameter: str, given: int) -> None:
    if not given:
        raise build_missing_error(parameter)
    if given > MAX_AT_ONCE:
        raise build_invalid_error(parameter)
