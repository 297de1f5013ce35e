"""What SAE is asked for: regions, namespaces, and the gateway routes in them.

The listing of namespaces comes with secret keys of theirs: nothing but the ids is kept of it. The
default namespace may be missing there, and is called like its region.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.alibaba._account import Settings, Site
from connectors.alibaba._client import Api, Client
from connectors.alibaba._envelope import opened
from domain.connector import Pace

API = Api(
    ram="sae",
    version="2019-05-06",
    hosts=dict.fromkeys(Site, "sae.{region}.aliyuncs.com"),
    style="ROA",
)
PATHS = {
    "DescribeRegions": "/pop/v1/paas/regionConfig",
    "DescribeNamespaces": "/pop/v1/paas/namespaces",
    "ListIngresses": "/pop/v1/sam/ingress/IngressList",
    "DescribeIngress": "/pop/v1/sam/ingress/Ingress",
    "UpdateIngress": "/pop/v1/sam/ingress/Ingress",
}
PERMISSIONS = tuple(f"{API.ram}:{action}" for action in PATHS)
NAMESPACES_PER_PAGE = 10
ROUTES_PER_PAGE = 50
ALB, CLB = "alb", "clb"

Row = dict[str, Any]


class SaeRoutes:
    """The routes of one account in all regions. Shared between threads."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        self.home = settings.site.region
        self._client = Client(settings, API, pace)

    def regions(self) -> list[str]:
        """The regions that SAE lists."""
        reply = self._call("DescribeRegions", self.home)
        return [row["RegionId"] for row in (reply.get("Regions") or {}).get("Region") or []]

    def namespaces(self, region: str, number: int) -> tuple[list[str], bool]:
        """Ids of ten namespaces, and whether there are more; the default one on the first page."""
        page = {"CurrentPage": number, "PageSize": NAMESPACES_PER_PAGE}
        data = _data(self._call("DescribeNamespaces", region, page))
        ids = [str(row["NamespaceId"]) for row in data.get("Namespaces") or []]
        more = number * NAMESPACES_PER_PAGE < int(data.get("TotalSize") or 0)
        return list(dict.fromkeys([*([region] if number == 1 else []), *ids])), more

    def within(self, region: str, namespace: str) -> Iterator[Row]:
        """The routes of a namespace that lie on ALB or CLB."""
        number = 0
        while True:
            number += 1
            page = {"CurrentPage": number, "PageSize": ROUTES_PER_PAGE}
            query = {"NamespaceId": namespace, **page}
            data = _data(self._call("ListIngresses", region, query))
            rows = data.get("IngressList") or []
            yield from (row for row in rows if kind(row))
            if not rows or number * ROUTES_PER_PAGE >= int(data.get("TotalSize") or 0):
                return

    def one(self, region: str, number: str) -> Row:
        """One route as it is now."""
        return _data(self._call("DescribeIngress", region, {"IngressId": number}))

    def update(self, region: str, number: str, fields: Mapping[str, str]) -> None:
        """Changes these fields of a route, and no others."""
        self._call("UpdateIngress", region, {"IngressId": number, **fields}, "PUT")

    def _call(
        self,
        action: str,
        region: str,
        query: Mapping[str, object] | None = None,
        method: str = "GET",
    ) -> Row:
        reply = self._client.call(action, query, method=method, path=PATHS[action], region=region)
        opened(reply, API, action)
        return reply


def kind(row: Row) -> str:
    """The load balancer of a route: "alb" or "clb"; empty for any other, e.g. MSE's gateways."""
    told = str(row.get("LoadBalanceType") or CLB).lower()
    return told if told in (ALB, CLB) and not row.get("MseGatewayId") else ""


def identifiers(row: Row) -> list[str]:
    """The certificates of a route, the default one first; none where it speaks HTTP."""
    if str(row.get("ListenerProtocol") or "HTTPS").upper() != "HTTPS":
        return []
    told = row.get("CertIds") if kind(row) == ALB else row.get("CertId")
    return [part.strip() for part in str(told or "").split(",") if part.strip()]


def _data(reply: Row) -> Row:
    return reply.get("Data") or {}
