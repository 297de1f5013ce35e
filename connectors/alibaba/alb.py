"""Application Load Balancer (ALB): default and additional certificates of HTTPS listeners.

API: https://api.alibabacloud.com/document/Alb/2020-06-16/UpdateListenerAttribute

What it serves: one certificate for each slot of a listener. A slot is the default certificate or
one additional certificate. QUIC listeners are listed with the state "quic" and take no
certificate from here: no TLS handshake over TCP shows what they serve.

How a certificate is bound: `UpdateListenerAttribute` replaces the default certificate,
`AssociateAdditionalCertificatesWithListener` adds one and
`DissociateAdditionalCertificatesFromListener` removes one. Each call starts a job, and a listener
takes one change at a time. A failed job is found by its listener, because another worker may have
started it.

Unconfirmed: see `connectors/alibaba/_bases/listeners.py`.

Limits: no rate limit and no propagation time is documented. Ten calls a second and two minutes are
this project's own choice.
"""

import time

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorAnswer, ErrorRule, build_error
from connectors.alibaba._bases.base import Probe
from connectors.alibaba._bases.listeners import PAGE_SIZE, ListenerConnector, Row
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Transient
from domain.resources.resource import Resource

JOBS_OF_LAST_SECONDS = 3600
QUIC = "QUIC"


class Alb(ListenerConnector):
    """Slots of HTTPS listeners."""

    title = "Application Load Balancer (ALB)"
    api = Api(
        ram="alb",
        version="2020-06-16",
        hosts=dict.fromkeys(Site, "alb.{region}.aliyuncs.com"),
        rules=(
            ErrorRule("IncorrectStatus.*", Transient),
            ErrorRule("IncorrectBusinessStatus.*", Transient),
            ErrorRule("ResourceInConfiguring.*", Transient),
            ErrorRule("VipStatusNotSupport", Transient),
            ErrorRule("-22001", Transient),
            ErrorRule("-21020", Transient),
        ),
    )
    product = "alb"
    tls_protocols = frozenset({"HTTPS", QUIC})
    permissions = (
        "alb:DescribeRegions",
        "alb:ListListeners",
        "alb:ListListenerCertificates",
        "alb:UpdateListenerAttribute",
        "alb:AssociateAdditionalCertificatesWithListener",
        "alb:DissociateAdditionalCertificatesFromListener",
        "alb:ListAsynJobs",
        *PERMISSIONS,
    )

    def get_state(self, row: Row) -> str:
        """Of a QUIC listener "quic", whatever it does."""
        return "quic" if row.get("ListenerProtocol") == QUIC else super().get_state(row)

    def list_listeners(self, region: str, token: str | None) -> Row:
        """Listeners of all protocols."""
        query = {"MaxResults": PAGE_SIZE, "NextToken": token}
        return self.client.call("ListListeners", query, region=region)

    def list_certificates(self, region: str, listener: str, token: str | None) -> Row:
        """A hundred of a listener's certificates."""
        query = {
            "ListenerId": listener,
            "CertificateType": "Server",
            "MaxResults": 100,
            "NextToken": token,
        }
        return self.client.call("ListListenerCertificates", query, region=region)

    def replace(self, resource: Resource, identifier: str) -> None:
        """All else of the listener stays as it is."""
        self._change("UpdateListenerAttribute", resource, identifier)

    def add(self, resource: Resource, identifier: str) -> None:
        """Fails if the listener has as many additional certificates as it may have."""
        self._change("AssociateAdditionalCertificatesWithListener", resource, identifier)

    def dissociate(self, resource: Resource, identifier: str) -> None:
        """Lets the listener take another additional certificate."""
        self._change("DissociateAdditionalCertificatesFromListener", resource, identifier)

    def raise_failure(self, resource: Resource) -> None:
        """Raises what the listener's last job of the past hour failed with, if it did."""
        jobs = self._get_jobs(resource.region, [resource.detail["listener"]]).get("Jobs") or []
        last: Row = max(jobs, key=lambda job: int(job.get("CreateTime") or 0), default={})
        if last.get("Status") == "Failed":
            body = {"Code": last.get("ErrorCode"), "Message": last.get("ErrorMessage")}
            permission = f"{self.api.ram}:{last.get('ApiName')}"
            raise build_error(ErrorAnswer(400, body), permission, self.api.rules)

    def list_extra_probes(self, region: str) -> list[Probe]:
        """Jobs, besides."""
        return [("alb:ListAsynJobs", lambda: self._get_jobs(region, None))]

    def _change(self, action: str, resource: Resource, identifier: str) -> None:
        query = {
            "ListenerId": resource.detail["listener"],
            "Certificates": [{"CertificateId": identifier}],
        }
        self.client.call(action, query, region=resource.region)

    def _get_jobs(self, region: str, listeners: list[str] | None) -> Row:
        since = int((time.time() - JOBS_OF_LAST_SECONDS) * 1000)
        query = {"ResourceIds": listeners, "BeginTime": since, "MaxResults": 100}
        return self.client.call("ListAsynJobs", query, region=region)
