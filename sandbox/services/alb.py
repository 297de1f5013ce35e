"""Application Load Balancer: HTTPS and QUIC listeners, their certificates, and jobs."""

from typing import Any

from sandbox.service import ServiceCall, operation
from sandbox.services._listener_rows import Job, Listener
from sandbox.services._listeners import LEAVING, Listeners, cut_page
from sandbox.services._regions import list_regions
from sandbox.services._tags import to_tag_list


class Alb(Listeners):
    """API version 2020-06-16."""

    product = "alb"
    version = "2020-06-16"
    tls_protocols = frozenset({"HTTPS", "QUIC"})

    @operation("DescribeRegions")
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"Regions": list_regions(self.product)}

    @operation("ListListeners", resource="ListenerIds.1")
    def list_listeners(self, call: ServiceCall) -> dict[str, Any]:
        """One page of a region's listeners, without certificates."""
        shown, paging = cut_page(call, self.find_listeners(call), 100)
        return {"Listeners": [_to_listener(row) for row in shown], **paging}

    @operation("GetListenerAttribute", resource="ListenerId")
    def listener_attribute(self, call: ServiceCall) -> dict[str, Any]:
        """One listener with its default certificate."""
        row = self.get_listener(call, secured=False)
        default = [
            {"CertificateId": one["CertificateId"]}
            for one in self.build_certificate_rows(call, row)
            if one["IsDefault"] and one["Status"] != LEAVING
        ]
        return {**_to_listener(row), "Certificates": default, "CaEnabled": False}

    @operation("ListListenerCertificates", resource="ListenerId")
    def list_certificates(self, call: ServiceCall) -> dict[str, Any]:
        """One page of a listener's certificates, of servers or of authorities."""
        rows = self.build_certificate_rows(call, self.get_listener(call))
        wanted = call.params.get("CertificateType", "Server")
        shown, paging = cut_page(call, rows if wanted == "Server" else [], 100)
        return {"Certificates": shown, **paging}

    @operation("UpdateListenerAttribute", resource="ListenerId")
    def update(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the default certificate; the practice cloud changes nothing else."""
        return {"JobId": self.replace(call, _read_identifiers(call))}

    @operation("AssociateAdditionalCertificatesWithListener", resource="ListenerId")
    def associate(self, call: ServiceCall) -> dict[str, Any]:
        """Add certificates."""
        return {"JobId": self.add(call, _read_identifiers(call))}

    @operation("DissociateAdditionalCertificatesFromListener", resource="ListenerId")
    def dissociate(self, call: ServiceCall) -> dict[str, Any]:
        """Remove additional certificates."""
        return {"JobId": self.remove(call, _read_identifiers(call))}

    @operation("ListAsynJobs", resource="ResourceIds.1")
    def list_jobs(self, call: ServiceCall) -> dict[str, Any]:
        """Jobs by id, by listener, and by the time of their making."""
        params = call.params
        numbers = {one[""] for one in params.get_list("JobIds")}
        listeners = {one[""] for one in params.get_list("ResourceIds")}
        since = params.get_number("BeginTime", 0, low=0, high=10**15)
        rows = [
            job
            for job in self.get_jobs(call)
            if (not numbers or job.id in numbers)
            and (not listeners or job.listener in listeners)
            and job.created * 1000 >= since
        ]
        shown, paging = cut_page(call, rows, 100)
        return {"Jobs": [_to_job(one) for one in shown], **paging}


SERVICE = Alb


def _read_identifiers(call: ServiceCall) -> list[str]:
    return [one.require("CertificateId") for one in call.params.get_list("Certificates")]


def _to_listener(row: Listener) -> dict[str, Any]:
    return {
        "ListenerId": row.id,
        "LoadBalancerId": row.load_balancer,
        "ListenerPort": row.port,
        "ListenerProtocol": row.protocol,
        "ListenerStatus": row.status,
        "Tags": to_tag_list(row.tags),
    }


def _to_job(job: Job) -> dict[str, Any]:
    fields = {
        "Id": job.id,
        "ApiName": job.operation,
        "CreateTime": int(job.created * 1000),
        "ModifyTime": int(job.settles_at * 1000),
        "OperateType": "Update",
        "ResourceId": job.listener,
        "ResourceType": "listener",
    }
    if not job.is_over:
        return {**fields, "Status": "Processing"}
    if not job.error:
        return {**fields, "Status": "Succeeded"}
    return {
        **fields,
        "Status": "Failed",
        "ErrorCode": job.error,
        "ErrorMessage": "The change could not be made.",
    }
