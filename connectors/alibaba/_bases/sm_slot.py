"""The second slot of an accelerated domain: an SM2 pair beside the usual certificate.

API: https://api.alibabacloud.com/document/Cdn/2018-05-10/SetCdnDomainSMCertificate

The connectors of CDN and DCDN use it. No operation shows which pair is set, and it is served by
TLCP, for which there is no client here. So the binding is our own record, and a change counts as
accepted, never as verified.

Unconfirmed, and used here only:
* A change has arrived when the domain is not being configured any more. No operation is documented
  that tells it.
* The pair is named by its identifier in the store of the account's site. The documents name only
  identifiers of the site in China.
"""

from connectors.alibaba._api.client import Client, JsonReply
from domain.errors import Permanent
from domain.resources.connector import ChangeWarning, LastBindingReader
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Resource
from domain.resources.slots import SM_SLOT

UNVERIFIABLE = (
    "SM2 pairs are served by TLCP, for which there is no client here: no handshake can show it"
)
UNKNOWN_BEFORE = "the service does not show what was set before, nor what was set in the console"
OWN_RECORD = ChangeWarning(
    code="own-record",
    text="what it serves is our own record: the service does not show it, nor what the console set",
)
WITHOUT_HTTPS = "without HTTPS, which its SM slot needs"


class SmSlot:
    """Reads and binds pairs. `operation` sets one, `listing` shows the state of a domain."""

    def __init__(
        self, client: Client, operation: str, listing: str, last_bindings: LastBindingReader
    ) -> None:
        self._client, self._last_bindings = client, last_bindings
        self._operation, self._listing = operation, listing

    @staticmethod
    def build_found(usual: Resource, *, https: bool) -> DiscoveredResource:
        """The slot of this domain. Only domains with HTTPS have one."""
        state = usual.state if https or usual.state != "online" else WITHOUT_HTTPS
        changed = {"key": f"{usual.key}/{SM_SLOT}", "slot": SM_SLOT, "state": state}
        return DiscoveredResource(resource=usual.model_copy(update=changed))

    def read(self, resource: Resource) -> Binding | None:
        """What we bound last; None if we bound nothing, whatever else may be set."""
        return self._last_bindings.get(resource.id)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Sets the pair. None raises Permanent: nobody knows that nothing was set before."""
        if ref is None:
            raise Permanent(UNKNOWN_BEFORE, code="NotKnown", advice="Switch it off in the console.")
        query = {
            "DomainName": resource.detail["domain"],
            "CertIdentifier": ref.fields["identifier"],
            "SSLProtocol": "on",
        }
        self._client.call(self._operation, query)

    def has_arrived(self, resource: Resource) -> bool:
        """Whether the domain is no longer being configured."""
        query = {
            "DomainName": resource.detail["domain"],
            "DomainSearchType": "full_match",
            "PageNumber": 1,
            "PageSize": 1,
        }
        shown = get_domains(self._client.call(self._listing, query))
        return bool(shown) and shown[0].get("DomainStatus") != "configuring"


def is_sm_slot(resource: Resource) -> bool:
    """Whether it is a domain's slot for SM2 pairs."""
    return resource.slot == SM_SLOT


def get_domains(reply: JsonReply) -> list[JsonReply]:
    """The domains of a page of the listing."""
    return (reply.get("Domains") or {}).get("PageData") or []
