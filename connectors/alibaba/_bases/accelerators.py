"""Global Accelerator: the base of its two connectors. Lists accelerators and HTTPS listeners.

A change locks the whole accelerator.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector
from connectors.alibaba._stores.cas import PERMISSIONS as STORE_PERMISSIONS
from domain.errors import Transient
from domain.resources.connector import Scenario
from domain.resources.resource import DiscoveredResource, Page, Resource

HOST = "ga.cn-hangzhou.aliyuncs.com"
REGION: dict[str, object] = {"RegionId": "cn-hangzhou"}  # all calls go to this region
API = Api(
    ram="ga",
    version="2019-11-20",
    hosts=dict.fromkeys(Site, HOST),
    rules=(ErrorRule("StateError.*", Transient), ErrorRule("NotActive.*", Transient)),
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
WORKING_STATES = ("active", "updating", "configuring", "binding", "unbinding")

Row = dict[str, Any]


class GaConnector(StoredConnector):
    """One kind of slot of the HTTPS listeners of all accelerators."""

    api = API
    scenarios: ClassVar[frozenset[Scenario]] = frozenset({Scenario.UPDATE})
    queries_per_second = 5
    budget = "alibaba.ga"
    propagation = timedelta(minutes=10)

    @abstractmethod
    def build_slots(self, accelerator: Row, listener: Row) -> Iterable[DiscoveredResource]:
        """The resources on one HTTPS listener."""

    def discover(self, page: str | None = None) -> Page:
        """The slots of ten accelerators a page, with what they serve."""
        number = int(page or 1)
        reply = self._get_accelerators_page(number, ACCELERATORS_PER_PAGE)
        found = [
            slot
            for accelerator in reply.get("Accelerators") or []
            for listener in self._list_listeners(accelerator["AcceleratorId"])
            if str(listener.get("Protocol")).upper() == "HTTPS"
            for slot in self.build_slots(accelerator, listener)
        ]
        more = number * ACCELERATORS_PER_PAGE < int(reply.get("TotalCount") or 0)
        return Page(resources=tuple(found), next=str(number + 1) if more else None)

    def get_lock_key(self, resource: Resource) -> str:
        """A change locks the whole accelerator, for both kinds of slots."""
        return f"{self.account}/alibaba.ga/{resource.detail['accelerator']}"

    def check(self) -> list[str]:
        """Reads one accelerator and one listener; changes nothing."""
        return list_missing_permissions(self._list_probes())

    def build_resource(
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
            state=_get_state(accelerator, listener),
            detail=ids if name is None else {**ids, "domain": name},
        )

    def get_listener(self, resource: Resource) -> Row:
        """The listener as it is now."""
        query = {**REGION, "ListenerId": resource.detail["listener"]}
        return self.client.call("DescribeListener", query)

    def is_at_rest(self, resource: Resource, listener: Row) -> bool:
        """Whether neither the listener nor its accelerator is being changed: there is no job id."""
        if listener.get("State") != "active":
            return False
        return self._get_accelerator(resource.detail["accelerator"]).get("State") == "active"

    def list_listener_probes(self, accelerator: Row, listener: Row) -> Iterator[Probe]:
        """Further probes that a kind of slot needs, on one listener."""
        yield from ()

    def _get_accelerators_page(self, number: int, size: int) -> Row:
        query = {**REGION, "PageNumber": number, "PageSize": size}
        return self.client.call("ListAccelerators", query)

    def _get_accelerator(self, accelerator: str) -> Row:
        return self.client.call("DescribeAccelerator", {**REGION, "AcceleratorId": accelerator})

    def _list_listeners(self, accelerator: str) -> Iterator[Row]:
        number = 0
        while True:
            number += 1
            page = {"PageNumber": number, "PageSize": PAGE_SIZE}
            query = {**REGION, "AcceleratorId": accelerator, **page}
            reply = self.client.call("ListListeners", query)
            yield from reply.get("Listeners") or []
            if number * PAGE_SIZE >= int(reply.get("TotalCount") or 0):
                return

    def _list_probes(self) -> Iterator[Probe]:
        accelerators: list[Row] = []
        listeners: list[Row] = []
        yield (
            "ga:ListAccelerators",
            lambda: accelerators.extend(
                self._get_accelerators_page(1, 1).get("Accelerators") or []
            ),
        )
        for one in accelerators:
            number = one["AcceleratorId"]
            yield "ga:DescribeAccelerator", partial(self._get_accelerator, number)
            yield "ga:ListListeners", partial(listeners.extend, self._list_listeners(number))
        for accelerator, listener in zip(accelerators, listeners, strict=False):
            probe = {**REGION, "ListenerId": listener["ListenerId"]}
            yield "ga:DescribeListener", partial(self.client.call, "DescribeListener", probe)
            yield from self.list_listener_probes(accelerator, listener)
        yield from self.list_store_probes()


def _get_state(accelerator: Row, listener: Row) -> str:
    states = [str(row.get("State") or "active") for row in (accelerator, listener)]
    return next((state for state in states if state not in WORKING_STATES), "online")
