"""Network Load Balancer: TCPSSL listeners, their certificates, and jobs that never tell a failure.

Unconfirmed against the real cloud: what a job that failed is told to be (here it goes on being
processed for ever).
"""

from typing import Any

from sandbox.errors import CloudError
from sandbox.service import Call, operation
from sandbox.services._listener_rows import Listener
from sandbox.services._listeners import Listeners, paged
from sandbox.services._regions import regions
from sandbox.services._tags import worded

MOST_AT_ONCE = 15


class Nlb(Listeners):
    """API version 2022-04-30."""

    product = "nlb"
    version = "2022-04-30"
    secured = frozenset({"TCPSSL"})

    @operation("DescribeRegions")
    def regions(self, call: Call) -> dict[str, Any]:
        """All regions."""
        return {"Regions": regions(self.product)}

    @operation("ListListeners", resource="ListenerIds.1")
    def list_listeners(self, call: Call) -> dict[str, Any]:
        """One page of a region's listeners, with their default certificates."""
        shown, paging = paged(call, self.listeners(call), 100)
        return {"Listeners": [self._told(call, row) for row in shown], **paging}

    @operation("GetListenerAttribute", resource="ListenerId")
    def listener_attribute(self, call: Call) -> dict[str, Any]:
        """One listener with its default certificate."""
        return self._told(call, self.listener(call, secured=False))

    @operation("ListListenerCertificates", resource="ListenerId")
    def list_certificates(self, call: Call) -> dict[str, Any]:
        """One page of a listener's certificates, of servers or of authorities."""
        rows = self.held(call, self.listener(call))
        wanted = call.params.get("CertType", "Server")
        shown, paging = paged(call, rows if wanted == "Server" else [], 50)
        numbers = [one["CertificateId"] for one in shown]
        return {"Certificates": shown, "CertificateIds": numbers, **paging}

    @operation("UpdateListenerAttribute", resource="ListenerId")
    def update(self, call: Call) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        return {"JobId": self.replace(call, _form(call, "CertificateIds"))}

    @operation("AssociateAdditionalCertificatesWithListener", resource="ListenerId")
    def associate(self, call: Call) -> dict[str, Any]:
        """Add certificates."""
        return {"JobId": self.add(call, _form(call, "AdditionalCertificateIds"))}

    @operation("DisassociateAdditionalCertificatesWithListener", resource="ListenerId")
    def disassociate(self, call: Call) -> dict[str, Any]:
        """Remove additional certificates."""
        return {"JobId": self.remove(call, _form(call, "AdditionalCertificateIds"))}

    @operation("GetJobStatus", resource="JobId")
    def job_status(self, call: Call) -> dict[str, Any]:
        """Whether a job has succeeded; there is no word for anything else."""
        wanted = call.params.need("JobId")
        job = next((one for one in self.jobs(call) if one.id == wanted), None)
        if job is None:
            raise CloudError("ResourceNotFound.Job", "The job does not exist.", 404)
        return {"Status": "Succeeded" if job.over and not job.error else "processing"}

    def _told(self, call: Call, row: Listener) -> dict[str, Any]:
        default = [one["CertificateId"] for one in self.held(call, row) if one["IsDefault"]]
        return {
            "ListenerId": row.id,
            "LoadBalancerId": row.load_balancer,
            "ListenerPort": row.port,
            "ListenerProtocol": row.protocol,
            "ListenerStatus": row.status,
            "Tags": worded(row.tags),
            "RegionId": row.region,
            "CertificateIds": default[:1],
            "CaEnabled": False,
            "CaCertificateIds": [],
        }


SERVICE = Nlb


def _form(call: Call, name: str) -> list[str]:
    """A list that must have come in the form: in the query it is not looked for."""
    if f"{name}.1=" in call.request.query or name not in call.request.body.decode():
        raise CloudError(f"Missing{name}", f"{name} is mandatory for this action.")
    found = [one.need("") for one in call.params.listed(name)]
    if len(found) > MOST_AT_ONCE:
        raise CloudError("IllegalParam.AdditionalCertificateIds", "There are too many.")
    return found
