"""The state of Global Accelerator: accelerators, listeners and their slots. The base of `ga`."""

import time
from typing import Any

from sandbox.certificates import read_facts
from sandbox.cloud import Cloud
from sandbox.errors import ApiError, build_invalid_error
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import Service, ServiceCall
from sandbox.services._ga_fields import REGION, Accelerator, GaListenerRow
from sandbox.services._identified import to_edge_names
from sandbox.state import Table
from sandbox.store import build_binding

LOCKED = ("init", "deleting", "finacialLocked")


class Accelerators(Service):
    """API version 2019-11-20. A slot is a resource: one certificate of one listener."""

    product = "ga"
    version = "2019-11-20"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.accelerators = Table(cloud.journal, "ga_accelerators", Accelerator)
        self.listeners = Table(cloud.journal, "ga_listeners", GaListenerRow)

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"accelerators": [{"id", "state", "tags", "listeners": [a listener, ...]}]}`.

        A listener is `{"id", "protocol", "port", "certificate": {"pem", "key"}, "hosts": [name],
        "additional": [{"domain", "certificate"}]}`; without `hosts` it answers to the names of its
        certificate.
        """
        created = 0
        for one in entry["accelerators"]:
            number, owner = one["id"], account.access_key_id
            if keep_existing and self.accelerators.get(f"{owner}/{number}"):
                continue
            state, tags = one.get("state", "active"), one.get("tags", {})
            accelerator = Accelerator(number, owner, time.time(), state, tags)
            self.accelerators.save(f"{owner}/{number}", accelerator)
            for each in one.get("listeners", []):
                created += self._seed_listener(account, number, each)
        return created

    def _seed_listener(self, account: SandboxAccount, accelerator: str, one: dict[str, Any]) -> int:
        listener = GaListenerRow(one["id"], accelerator, account.access_key_id, time.time())
        listener.protocol = one.get("protocol", "HTTPS")
        listener.port = one.get("port", 443)
        self.listeners.save(f"{listener.account}/{listener.id}", listener)
        if listener.protocol.upper() != "HTTPS":
            return 0
        default = self._store_certificate(account, one["certificate"])
        names = read_facts(self.cloud.resources.get_material(default["material"]).pem).names
        hosts = one.get("hosts", to_edge_names(names))
        self.add_slot(account, listener, None, hosts, default)
        additional = one.get("additional", [])
        for each in additional:
            domain, binding = each["domain"], self._store_certificate(account, each["certificate"])
            self.add_slot(account, listener, domain, to_edge_names((domain,)), binding)
        return 1 + len(additional)

    def _store_certificate(self, account: SandboxAccount, given: dict[str, str]) -> SandboxBinding:
        owner, store = account.access_key_id, self.cloud.certificates
        return build_binding(store.put(owner, given["pem"], given["key"]))

    def add_slot(
        self,
        account: SandboxAccount,
        listener: GaListenerRow,
        domain: str | None,
        hosts: list[str],
        binding: SandboxBinding | None,
    ) -> SandboxResource:
        """Adds a slot; the one without a domain is the default one."""
        name = f"{listener.id}/{domain or 'default'}"
        row = SandboxResource(self.product, account.access_key_id, name, hosts, time.time())
        row.attributes = {
            "listener": listener.id,
            "accelerator": listener.accelerator,
            "domain": domain,
        }
        row.binding = binding
        self.cloud.resources.add(row)
        return row

    def find_slot(
        self, account: SandboxAccount, listener: str, domain: str | None
    ) -> SandboxResource | None:
        """The slot for a domain, or the default one, or None."""
        name = f"{listener}/{domain or 'default'}"
        return self.cloud.resources.get(self.product, account.access_key_id, name)

    def list_slots(self, account: SandboxAccount, listener: str) -> list[SandboxResource]:
        """All slots of one listener."""
        rows = self.cloud.resources.list_of(self.product, account.access_key_id)
        return [row for row in rows if row.attributes["listener"] == listener]

    def get_accelerator(self, call: ServiceCall, number: str) -> Accelerator:
        """The accelerator of that id."""
        check_region(call)
        row = self.accelerators.get(f"{call.account.access_key_id}/{number}")
        if row is None:
            raise ApiError("NotExist.Accelerator", f"The accelerator {number} does not exist.")
        return row

    def get_listener(self, call: ServiceCall) -> GaListenerRow:
        """The listener that a call names."""
        check_region(call)
        number = call.params.require("ListenerId")
        row = self.listeners.get(f"{call.account.access_key_id}/{number}")
        if row is None:
            raise ApiError("NotExist.Listener", f"The listener {number} does not exist.")
        return row

    def get_state(self, row: Accelerator) -> str:
        """The state of an accelerator: a change of any slot locks it."""
        if row.state in LOCKED:
            return row.state
        slots = self.cloud.resources.list_of(self.product, row.account)
        busy = any(not s.settled for s in slots if s.attributes["accelerator"] == row.id)
        return "configuring" if busy else row.state


def check_region(call: ServiceCall) -> None:
    """All calls go to one region."""
    if call.params.require("RegionId") != REGION:
        raise build_invalid_error("RegionId")
