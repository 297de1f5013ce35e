"""Global Accelerator: accelerators, their HTTPS listeners, and the lock on a whole accelerator."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._bases.base import Probe, missing
from connectors.alibaba._bases.stored import StoredConnector
from connectors.alibaba._stores.cas import PERMISSIONS as STORE_PERMISSIONS
from domain.errors import Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Found, Page, Resource

HOST = "ga.cn-hangzhou.aliyuncs.com"
WHERE: dict[str, object] = {"RegionId": "cn-hangzhou"}  # the one that the service is driven from
API = Api(
    ram="ga",
    version="2019-11-20",
    hosts=dict.fromkeys(Site, HOST),
    rules=(Rule("StateError.*", Transient), Rule("NotActive.*", Transient)),
)
PERMISSIONS = (
    "ga:ListAccelerators",
    "ga:DescribeAccelerator",
    "ga:ListListeners",
    "ga:DescribeListener",
    *STORE_PERMISSIONS,
)
ACCELERATORS_PER_PAGE = 10
PAGE_SIZE = 50
AT_WORK = ("active", "updating", "configuring", "binding", "unbinding")

Row = dict[str, Any]


class GaConnector(StoredConnector):
    """One kind of slot of the HTTPS listeners of all accelerators."""

    api = API
    scenarios: ClassVar[frozenset[Scenario]] = frozenset({Scenario.UPDATE})
    queries_per_second = 5
    budget = "alibaba.ga"
    propagation = timedelta(minutes=10)

    @abstractmethod
    def slots(self, accelerator: Row, listener: Row) -> Iterable[Found]:
        """The resources on one HTTPS listener."""

    def discover(self, page: str | None = None) -> Page:
        """The slots of ten accelerators a page, with what they serve."""
        number = int(page or 1)
        reply = self._accelerators(number, ACCELERATORS_PER_PAGE)
        found = [
            slot
            for accelerator in reply.get("Accelerators") or []
            for listener in self._listeners(accelerator["AcceleratorId"])
            if str(listener.get("Protocol")).upper() == "HTTPS"
            for slot in self.slots(accelerator, listener)
        ]
        more = number * ACCELERATORS_PER_PAGE < int(reply.get("TotalCount") or 0)
        return Page(found=tuple(found), next=str(number + 1) if more else None)

    def lock_key(self, resource: Resource) -> str:
        """A change locks the whole accelerator, for both kinds of slots."""
        return f"{self.account}/alibaba.ga/{resource.detail['accelerator']}"

    def check(self) -> list[str]:
        """Lists and looks at one accelerator and one listener; nothing is changed."""
        return missing(self._probes())

    def resource(
        self, accelerator: Row, listener: Row, name: str | None, domains: tuple[str, ...]
    ) -> Resource:
        """The slot for the domain `name`, or the default one."""
        ports = listener.get("PortRanges") or [{}]
        ids = {"accelerator": accelerator["AcceleratorId"], "listener": listener["ListenerId"]}
        slot = "default" if name is None else f"sni/{name}"
        return Resource(
            account=self.account,
            service=self.service,
            key=f"{ids['accelerator']}/{ids['listener']}/{slot}",
            domains=domains,
            slot=slot.partition("/")[0],
            port=int(ports[0].get("FromPort") or 443),
            state=_state(accelerator, listener),
            detail=ids if name is None else {**ids, "domain": name},
        )

    def listener(self, resource: Resource) -> Row:
        """The listener as it is now."""
        query = {**WHERE, "ListenerId": resource.detail["listener"]}
        return self.client.call("DescribeListener", query)

    def at_rest(self, resource: Resource, listener: Row) -> bool:
        """Whether neither the listener nor its accelerator is being changed: there is no job id."""
        if listener.get("State") != "active":
            return False
        return self._accelerator(resource.detail["accelerator"]).get("State") == "active"

    def probe_listener(self, accelerator: Row, listener: Row) -> Iterator[Probe]:
        """What a kind of slot needs besides, tried on one listener."""
        yield from ()

    def _accelerators(self, number: int, size: int) -> Row:
        query = {**WHERE, "PageNumber": number, "PageSize": size}
        return self.client.call("ListAccelerators", query)

    def _accelerator(self, accelerator: str) -> Row:
        return self.client.call("DescribeAccelerator", {**WHERE, "AcceleratorId": accelerator})

    def _listeners(self, accelerator: str) -> Iterator[Row]:
        number = 0
        while True:
            number += 1
            page = {"PageNumber": number, "PageSize": PAGE_SIZE}
            query = {**WHERE, "AcceleratorId": accelerator, **page}
            reply = self.client.call("ListListeners", query)
            yield from reply.get("Listeners") or []
            if number * PAGE_SIZE >= int(reply.get("TotalCount") or 0):
                return

    def _probes(self) -> Iterator[Probe]:
        accelerators: list[Row] = []
        listeners: list[Row] = []
        yield (
            "ga:ListAccelerators",
            lambda: accelerators.extend(self._accelerators(1, 1).get("Accelerators") or []),
        )
        for one in accelerators:
            number = one["AcceleratorId"]
            yield "ga:DescribeAccelerator", partial(self._accelerator, number)
            yield "ga:ListListeners", partial(listeners.extend, self._listeners(number))
        for accelerator, listener in zip(accelerators, listeners, strict=False):
            probe = {**WHERE, "ListenerId": listener["ListenerId"]}
            yield "ga:DescribeListener", partial(self.client.call, "DescribeListener", probe)
            yield from self.probe_listener(accelerator, listener)
        yield from self.probe_store()


def _state(accelerator: Row, listener: Row) -> str:
    states = [str(row.get("State") or "active") for row in (accelerator, listener)]
    return next((state for state in states if state not in AT_WORK), "online")
