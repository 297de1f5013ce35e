"""Network Load Balancer: TCPSSL listeners, their certificates, and jobs that never show a failure.

Unconfirmed against the real cloud: the status of a job that failed (here it stays
"processing" for ever).
"""

from typing import Any

from sandbox.errors import ApiError
from sandbox.service import ServiceCall, operation
from sandbox.services._listener_rows import Listener
from sandbox.services._listeners import Listeners, cut_page
from sandbox.services._regions import list_regions
from sandbox.services._tags import to_tag_list

MAX_AT_ONCE = 15


class Nlb(Listeners):
    """API version 2022-04-30."""

    product = "nlb"
    version = "2022-04-30"
    tls_protocols = frozenset({"TCPSSL"})

    @operation("DescribeRegions")
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"Regions": list_regions(self.product)}

    @operation("ListListeners", resource="ListenerIds.1")
    def list_listeners(self, call: ServiceCall) -> dict[str, Any]:
        """One page of a region's listeners, with their default certificates."""
        shown, paging = cut_page(call, self.find_listeners(call), 100)
        return {"Listeners": [self._to_listener(call, row) for row in shown], **paging}

    @operation("GetListenerAttribute", resource="ListenerId")
    def listener_attribute(self, call: ServiceCall) -> dict[str, Any]:
        """One listener with its default certificate."""
        return self._to_listener(call, self.get_listener(call, secured=False))

    @operation("ListListenerCertificates", resource="ListenerId")
    def list_certificates(self, call: ServiceCall) -> dict[str, Any]:
        """One page of a listener's certificates, of servers or of authorities."""
        rows = self.build_certificate_rows(call, self.get_listener(call))
        wanted = call.params.get("CertType", "Server")
        shown, paging = cut_page(call, rows if wanted == "Server" else [], 50)
        numbers = [one["CertificateId"] for one in shown]
        return {"Certificates": shown, "CertificateIds": numbers, **paging}

    @operation("UpdateListenerAttribute", resource="ListenerId")
    def update(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        return {"JobId": self.replace(call, _read_form_list(call, "CertificateIds"))}

    @operation("AssociateAdditionalCertificatesWithListener", resource="ListenerId")
    def associate(self, call: ServiceCall) -> dict[str, Any]:
        """Add certificates."""
        return {"JobId": self.add(call, _read_form_list(call, "AdditionalCertificateIds"))}

    @operation("DisassociateAdditionalCertificatesWithListener", resource="ListenerId")
    def disassociate(self, call: ServiceCall) -> dict[str, Any]:
        """Remove additional certificates."""
        return {"JobId": self.remove(call, _read_form_list(call, "AdditionalCertificateIds"))}

    @operation("GetJobStatus", resource="JobId")
    def job_status(self, call: ServiceCall) -> dict[str, Any]:
        """Whether a job has succeeded; there is no word for anything else."""
        wanted = call.params.require("JobId")
        job = next((one for one in self.get_jobs(call) if one.id == wanted), None)
        if job is None:
            raise ApiError("ResourceNotFound.Job", "The job does not exist.", 404)
        return {"Status": "Succeeded" if job.is_over and not job.error else "processing"}

    def _to_listener(self, call: ServiceCall, row: Listener) -> dict[str, Any]:
        default = [
            one["CertificateId"]
            for one in self.build_certificate_rows(call, row)
            if one["IsDefault"]
        ]
        return {
            "ListenerId": row.id,
            "LoadBalancerId": row.load_balancer,
            "ListenerPort": row.port,
            "ListenerProtocol": row.protocol,
            "ListenerStatus": row.status,
            "Tags": to_tag_list(row.tags),
            "RegionId": row.region,
            "CertificateIds": default[:1],
            "CaEnabled": False,
            "CaCertificateIds": [],
        }


SERVICE = Nlb


def _read_form_list(call: ServiceCall, name: str) -> list[str]:
    """A list that must have come in the form: in the query it is not looked for."""
    if f"{name}.1=" in call.request.query or name not in call.request.body.decode():
        raise ApiError(f"Missing{name}", f"{name} is mandatory for this action.")
    found = [one.require("") for one in call.params.get_list(name)]
    if len(found) > MAX_AT_ONCE:
        raise ApiError("IllegalParam.AdditionalCertificateIds", "There are too many.")
    return found
