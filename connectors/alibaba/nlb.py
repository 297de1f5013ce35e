"""Network Load Balancer (NLB): default and additional certificates of TCPSSL listeners.

API: https://api.alibabacloud.com/document/Nlb/2022-04-30/UpdateListenerAttribute

What it serves: one certificate for each slot of a listener: the default one or an additional one.

How a certificate is bound: `UpdateListenerAttribute` replaces the default certificate,
`AssociateAdditionalCertificatesWithListener` adds one and
`DisassociateAdditionalCertificatesWithListener` removes one. Changes go in a form, not in the
query. Each is a job whose failure the service does not tell. A change that the listener does not
show in time counts as failed.

Unconfirmed: the error codes for a listener that is being changed. See also
`connectors/alibaba/_bases/listeners.py`.

Limits: no rate limit and no propagation time is documented. Ten calls a second and two minutes are
this project's own choice.
"""

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._bases.listeners import PAGE_SIZE, ListenerConnector, Row
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Transient
from domain.resources.resource import Resource


class Nlb(ListenerConnector):
    """Slots of TCPSSL listeners."""

    title = "Network Load Balancer (NLB)"
    api = Api(
        ram="nlb",
        version="2022-04-30",
        hosts=dict.fromkeys(Site, "nlb.{region}.aliyuncs.com"),
        rules=(
            ErrorRule("IncorrectStatus*", Transient),
            ErrorRule("ResourceInConfiguring*", Transient),
            ErrorRule("Conflict.Lock", Transient),
        ),
    )
    product = "nlb"
    tls_protocols = frozenset({"TCPSSL"})
    permissions = (
        "nlb:DescribeRegions",
        "nlb:ListListeners",
        "nlb:ListListenerCertificates",
        "nlb:UpdateListenerAttribute",
        "nlb:AssociateAdditionalCertificatesWithListener",
        "nlb:DisassociateAdditionalCertificatesWithListener",
        *PERMISSIONS,
    )

    def list_listeners(self, region: str, token: str | None) -> Row:
        """Listeners that have a certificate."""
        query = {
            "RegionId": region,
            "ListenerProtocol": "TCPSSL",
            "MaxResults": PAGE_SIZE,
            "NextToken": token,
        }
        return self.client.call("ListListeners", query, region=region)

    def list_certificates(self, region: str, listener: str, token: str | None) -> Row:
        """Fifty of a listener's certificates."""
        query = {"CertType": "Server", "MaxResults": 50, "NextToken": token}
        return self._form("ListListenerCertificates", region, listener, query)

    def replace(self, resource: Resource, identifier: str) -> None:
        """All else of the listener stays as it is."""
        self._change("UpdateListenerAttribute", resource, {"CertificateIds": [identifier]})

    def add(self, resource: Resource, identifier: str) -> None:
        """Fails if the listener has as many additional certificates as it may have."""
        action = "AssociateAdditionalCertificatesWithListener"
        self._change(action, resource, {"AdditionalCertificateIds": [identifier]})

    def dissociate(self, resource: Resource, identifier: str) -> None:
        """Lets the listener take another additional certificate."""
        action = "DisassociateAdditionalCertificatesWithListener"
        self._change(action, resource, {"AdditionalCertificateIds": [identifier]})

    def _change(self, action: str, resource: Resource, fields: dict[str, object]) -> None:
        self._form(action, resource.region, resource.detail["listener"], fields)

    def _form(self, action: str, region: str, listener: str, fields: dict[str, object]) -> Row:
        given = {name: value for name, value in fields.items() if value is not None}
        body = {"RegionId": region, "ListenerId": listener, **given}
        return self.client.call(action, body=body, region=region)
