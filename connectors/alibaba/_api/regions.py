"""The regions of Alibaba Cloud, and listings that continue over many of them.

The connectors of regional products call it. Accounts of both sites may hold resources in every
public region; only the certificate store belongs to one site. The finance and government clouds
are not listed: an account there names its regions in its settings.
"""

from collections.abc import Callable, Sequence

from connectors.alibaba._api.account import AlibabaSettings, Site
from domain.errors import Permanent
from domain.resources.resource import DiscoveredResource, Page

MAINLAND = (
    "cn-hangzhou",
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-qingdao",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-wulanchabu",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
)
ELSEWHERE = (
    "ap-southeast-1",
    "cn-hongkong",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "us-east-1",
    "us-west-1",
    "eu-central-1",
    "eu-west-1",
    "me-east-1",
    "me-central-1",
)
REGIONS: dict[Site, tuple[str, ...]] = {
    Site.CN: (*MAINLAND, *ELSEWHERE),
    Site.INTL: (*ELSEWHERE, *MAINLAND),
}
"""For products without an operation that lists regions; the site's own region first."""

FetchPage = Callable[[str, str | None], tuple[Sequence[DiscoveredResource], str | None]]
"""Region and page token (None for the first page) to the resources and the next page token."""


def list_regions(
    settings: AlibabaSettings, list_all: Callable[[], Sequence[str]] | None = None
) -> list[str]:
    """The regions to list: the account's choice, else all.

    `list_all` asks the product and is called only if the account has made no choice.
    """
    if settings.regions:
        return list(settings.regions)
    return list(REGIONS[settings.site] if list_all is None else list_all())


def list_halves(settings: AlibabaSettings) -> list[str]:
    """The halves (mainland, rest of the world) that hold the account's regions.

    Each half is named by one region; the half of the account's site comes first.
    """
    halves = ["cn-hangzhou", "ap-southeast-1"]
    if settings.site is Site.INTL:
        halves.reverse()
    if not settings.regions:
        return halves
    wanted = {get_half(region) for region in settings.regions}
    return [half for half in halves if half in wanted]


def get_half(region: str) -> str:
    """The half of a region: "cn-hangzhou" for cn-beijing."""
    return "cn-hangzhou" if region in MAINLAND else "ap-southeast-1"


def list_over_regions(
    regions: Sequence[str], page: str | None, size: int, fetch: FetchPage
) -> Page:
    """One page over all regions: continues in the next region until `size` resources were found.

    A page is named "region|page token of that region". Raises Permanent when the region of `page`
    is not among `regions` any more.
    """
    region, _, token = page.partition("|") if page else (regions[0] if regions else "", "", "")
    found: list[DiscoveredResource] = []
    for name in _list_regions_from(regions, region):
        more, following = fetch(name, token or None)
        found += more
        token = ""
        if following:
            return Page(resources=tuple(found), next=f"{name}|{following}")
        if len(found) >= size and name != regions[-1]:
            return Page(resources=tuple(found), next=f"{regions[regions.index(name) + 1]}|")
    return Page(resources=tuple(found))


def _list_regions_from(regions: Sequence[str], first: str) -> Sequence[str]:
    if first and first not in regions:
        raise Permanent(
            f"the listing continues in region {first!r}, which the account no longer lists",
            code="UnknownPage",
            advice="Sync the service again from the first page.",
        )
    return regions[regions.index(first) :] if first else regions
