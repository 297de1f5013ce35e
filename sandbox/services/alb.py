"""Application Load Balancer: HTTPS and QUIC listeners, their certificates, and jobs."""

from typing import Any

from sandbox.service import Call, operation
from sandbox.services._listener_rows import Job, Listener
from sandbox.services._listeners import LEAVING, Listeners, paged
from sandbox.services._regions import regions
from sandbox.services._tags import worded


class Alb(Listeners):
    """API version 2020-06-16."""

    product = "alb"
    version = "2020-06-16"
    secured = frozenset({"HTTPS", "QUIC"})

    @operation("DescribeRegions")
    def regions(self, call: Call) -> dict[str, Any]:
        """All regions."""
        return {"Regions": regions(self.product)}

    @operation("ListListeners", resource="ListenerIds.1")
    def list_listeners(self, call: Call) -> dict[str, Any]:
        """One page of a region's listeners, without certificates."""
        shown, paging = paged(call, self.listeners(call), 100)
        return {"Listeners": [_listener(row) for row in shown], **paging}

    @operation("GetListenerAttribute", resource="ListenerId")
    def listener_attribute(self, call: Call) -> dict[str, Any]:
        """One listener with its default certificate."""
        row = self.listener(call, secured=False)
        default = [
            {"CertificateId": one["CertificateId"]}
            for one in self.held(call, row)
            if one["IsDefault"] and one["Status"] != LEAVING
        ]
        return {**_listener(row), "Certificates": default, "CaEnabled": False}

    @operation("ListListenerCertificates", resource="ListenerId")
    def list_certificates(self, call: Call) -> dict[str, Any]:
        """One page of a listener's certificates, of servers or of authorities."""
        rows = self.held(call, self.listener(call))
        wanted = call.params.get("CertificateType", "Server")
        shown, paging = paged(call, rows if wanted == "Server" else [], 100)
        return {"Certificates": shown, **paging}

    @operation("UpdateListenerAttribute", resource="ListenerId")
    def update(self, call: Call) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        return {"JobId": self.replace(call, _identifiers(call))}

    @operation("AssociateAdditionalCertificatesWithListener", resource="ListenerId")
    def associate(self, call: Call) -> dict[str, Any]:
        """Add certificates."""
        return {"JobId": self.add(call, _identifiers(call))}

    @operation("DissociateAdditionalCertificatesFromListener", resource="ListenerId")
    def dissociate(self, call: Call) -> dict[str, Any]:
        """Remove additional certificates."""
        return {"JobId": self.remove(call, _identifiers(call))}

    @operation("ListAsynJobs", resource="ResourceIds.1")
    def list_jobs(self, call: Call) -> dict[str, Any]:
        """Jobs by id, by listener, and by the time of their making."""
        params = call.params
        numbers = {one[""] for one in params.listed("JobIds")}
        listeners = {one[""] for one in params.listed("ResourceIds")}
        since = params.number("BeginTime", 0, low=0, high=10**15)
        rows = [
            job
            for job in self.jobs(call)
            if (not numbers or job.id in numbers)
            and (not listeners or job.listener in listeners)
            and job.created * 1000 >= since
        ]
        shown, paging = paged(call, rows, 100)
        return {"Jobs": [_job(one) for one in shown], **paging}


SERVICE = Alb


def _identifiers(call: Call) -> list[str]:
    return [one.need("CertificateId") for one in call.params.listed("Certificates")]


def _listener(row: Listener) -> dict[str, Any]:
    return {
        "ListenerId": row.id,
        "LoadBalancerId": row.load_balancer,
        "ListenerPort": row.port,
        "ListenerProtocol": row.protocol,
        "ListenerStatus": row.status,
        "Tags": worded(row.tags),
    }


def _job(job: Job) -> dict[str, Any]:
    told = {
        "Id": job.id,
        "ApiName": job.operation,
        "CreateTime": int(job.created * 1000),
        "ModifyTime": int(job.settles_at * 1000),
        "OperateType": "Update",
        "ResourceId": job.listener,
        "ResourceType": "listener",
    }
    if not job.over:
        return {**told, "Status": "Processing"}
    if not job.error:
        return {**told, "Status": "Succeeded"}
    return {
        **told,
        "Status": "Failed",
        "ErrorCode": job.error,
        "ErrorMessage": "The change could not be made.",
    }
