"""What Global Accelerator keeps: accelerators, listeners, and slots for certificates on these."""

import time
from typing import Any

from sandbox.certificates import read
from sandbox.cloud import Cloud
from sandbox.errors import CloudError, invalid
from sandbox.options import Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call, Service
from sandbox.services._ga_fields import REGION, Accelerator, Listener
from sandbox.services._identified import edge_names
from sandbox.state import Table
from sandbox.store import bound_to

LOCKED = ("init", "deleting", "finacialLocked")


class Accelerators(Service):
    """API version 2019-11-20. A slot is a resource: one certificate of one listener."""

    product = "ga"
    version = "2019-11-20"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.accelerators = Table(cloud.journal, "ga_accelerators", Accelerator)
        self.listeners = Table(cloud.journal, "ga_listeners", Listener)

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"accelerators": [{"id", "state", "tags", "listeners": [a listener, ...]}]}`.

        A listener is `{"id", "protocol", "port", "certificate": {"pem", "key"}, "hosts": [name],
        "additional": [{"domain", "certificate"}]}`; without `hosts` it answers to the names of its
        certificate.
        """
        created = 0
        for one in entry["accelerators"]:
            number, owner = one["id"], account.access_key_id
            if keep and self.accelerators.get(f"{owner}/{number}"):
                continue
            state, tags = one.get("state", "active"), one.get("tags", {})
            accelerator = Accelerator(number, owner, time.time(), state, tags)
            self.accelerators.save(f"{owner}/{number}", accelerator)
            for each in one.get("listeners", []):
                created += self._seed_listener(account, number, each)
        return created

    def _seed_listener(self, account: Account, accelerator: str, one: dict[str, Any]) -> int:
        listener = Listener(one["id"], accelerator, account.access_key_id, time.time())
        listener.protocol = one.get("protocol", "HTTPS")
        listener.port = one.get("port", 443)
        self.listeners.save(f"{listener.account}/{listener.id}", listener)
        if listener.protocol.upper() != "HTTPS":
            return 0
        default = self._seeded(account, one["certificate"])
        names = read(self.cloud.resources.material(default["material"]).pem).names
        hosts = one.get("hosts", edge_names(names))
        self.new_slot(account, listener, None, hosts, default)
        additional = one.get("additional", [])
        for each in additional:
            domain, binding = each["domain"], self._seeded(account, each["certificate"])
            self.new_slot(account, listener, domain, edge_names((domain,)), binding)
        return 1 + len(additional)

    def _seeded(self, account: Account, given: dict[str, str]) -> Binding:
        owner, store = account.access_key_id, self.cloud.certificates
        return bound_to(store.put(owner, given["pem"], given["key"]))

    def new_slot(
        self,
        account: Account,
        listener: Listener,
        domain: str | None,
        hosts: list[str],
        binding: Binding | None,
    ) -> Resource:
        """Makes room for one more certificate; the slot without a domain is the default one."""
        name = f"{listener.id}/{domain or 'default'}"
        row = Resource(self.product, account.access_key_id, name, hosts, time.time())
        row.attributes = {
            "listener": listener.id,
            "accelerator": listener.accelerator,
            "domain": domain,
        }
        row.binding = binding
        self.cloud.resources.add(row)
        return row

    def slot(self, account: Account, listener: str, domain: str | None) -> Resource | None:
        """The slot for a domain, or the default one, or None."""
        name = f"{listener}/{domain or 'default'}"
        return self.cloud.resources.get(self.product, account.access_key_id, name)

    def slots(self, account: Account, listener: str) -> list[Resource]:
        """All slots of one listener."""
        rows = self.cloud.resources.of(self.product, account.access_key_id)
        return [row for row in rows if row.attributes["listener"] == listener]

    def accelerator(self, call: Call, number: str) -> Accelerator:
        """The accelerator of that id."""
        check_region(call)
        row = self.accelerators.get(f"{call.account.access_key_id}/{number}")
        if row is None:
            raise CloudError("NotExist.Accelerator", f"The accelerator {number} does not exist.")
        return row

    def listener(self, call: Call) -> Listener:
        """The listener that a call names."""
        check_region(call)
        number = call.params.need("ListenerId")
        row = self.listeners.get(f"{call.account.access_key_id}/{number}")
        if row is None:
            raise CloudError("NotExist.Listener", f"The listener {number} does not exist.")
        return row

    def state(self, row: Accelerator) -> str:
        """What an accelerator is in: one change of any slot locks it."""
        if row.state in LOCKED:
            return row.state
        slots = self.cloud.resources.of(self.product, row.account)
        busy = any(not s.settled for s in slots if s.attributes["accelerator"] == row.id)
        return "configuring" if busy else row.state


def check_region(call: Call) -> None:
    """Everything is driven from one region."""
    if call.params.need("RegionId") != REGION:
        raise invalid("RegionId")
