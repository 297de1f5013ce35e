"""The second slot of an accelerated domain: for an SM2 pair, beside the usual certificate.

No operation tells what is set there, and it is served by TLCP, for which no client was found here.
So what is bound is our own record, and a change counts as accepted, never as verified.

Unconfirmed, and kept here only:
* A change has arrived once the domain is not being configured any more. The operation that sets the
  pair names none that tells so.
* The pair is named by the identifier of the store at the account's site. The documents name only
  the one of the site in China.
"""

from connectors.alibaba._api.client import Client, Reply
from domain.errors import Permanent
from domain.resources.connector import Memory
from domain.resources.resource import Binding, CertificateRef, Found, Resource
from domain.resources.slots import SM_SLOT

UNPROVEN = (
    "SM2 pairs are served by TLCP, for which there is no client here: no handshake can show it"
)
UNKNOWN = (
    "the service does not tell what was set before; whatever the console set is not known here"
)
RECORDED = "what it serves is our own record: the service tells none, nor what the console set"
WITHOUT_HTTPS = "without HTTPS, which its SM slot needs"


class SmSlot:
    """Reads, binds and waits for what `operation` sets; `listing` tells a domain's state."""

    def __init__(self, client: Client, operation: str, listing: str, memory: Memory) -> None:
        self._client, self._memory = client, memory
        self._operation, self._listing = operation, listing

    @staticmethod
    def beside(usual: Resource, *, https: bool) -> Found:
        """The slot of this domain, which the service gives only to domains with HTTPS."""
        state = usual.state if https or usual.state != "online" else WITHOUT_HTTPS
        changed = {"key": f"{usual.key}/{SM_SLOT}", "slot": SM_SLOT, "state": state}
        return Found(resource=usual.model_copy(update=changed))

    def read(self, resource: Resource) -> Binding | None:
        """What we bound last; None where that is nothing, whatever else may be set."""
        return self._memory.get(resource.id)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Sets the pair. Nothing is switched off: that nothing was set before is never known."""
        if ref is None:
            raise Permanent(UNKNOWN, code="NotKnown", advice="Switch it off in the console.")
        query = {
            "DomainName": resource.detail["domain"],
            "CertIdentifier": ref.fields["identifier"],
            "SSLProtocol": "on",
        }
        self._client.call(self._operation, query)

    def settled(self, resource: Resource) -> bool:
        """Whether the domain is not being configured any more."""
        query = {
            "DomainName": resource.detail["domain"],
            "DomainSearchType": "full_match",
            "PageNumber": 1,
            "PageSize": 1,
        }
        shown = domains(self._client.call(self._listing, query))
        return bool(shown) and shown[0].get("DomainStatus") != "configuring"


def is_sm(resource: Resource) -> bool:
    """Whether it is a domain's slot for SM2 pairs."""
    return resource.slot == SM_SLOT


def domains(reply: Reply) -> list[Reply]:
    """The domains of a page of the listing."""
    return (reply.get("Domains") or {}).get("PageData") or []
