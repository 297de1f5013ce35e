"""The regions of Alibaba Cloud, and one listing that walks through many of them.

Accounts of both sites may hold resources in every public region; what they cannot share is the
certificate store. The finance and government clouds are in no list here: an account there names
its regions in its settings.
"""

from collections.abc import Callable, Sequence

from connectors.alibaba._api.account import Settings, Site
from domain.errors import Permanent
from domain.resources.resource import Found, Page

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
"""For products that have no operation of their own to list regions; the site's own one first."""

Fetch = Callable[[str, str | None], tuple[Sequence[Found], str | None]]
"""Region and the region's own page, None for the first, to what is there and the next page."""


def regions_of(settings: Settings, listed: Callable[[], Sequence[str]] | None = None) -> list[str]:
    """The regions to look into: the account's choice, or else all.

    `listed` asks the product, where it can be asked; it is called only without a choice.
    """
    if settings.regions:
        return list(settings.regions)
    return list(REGIONS[settings.site] if listed is None else listed())


def halves_of(settings: Settings) -> list[str]:
    """For products that know only the mainland and the rest, each named by one region.

    Those in which the account's regions lie; the site's own one first.
    """
    halves = ["cn-hangzhou", "ap-southeast-1"]
    if settings.site is Site.INTL:
        halves.reverse()
    if not settings.regions:
        return halves
    wanted = {half_of(region) for region in settings.regions}
    return [half for half in halves if half in wanted]


def half_of(region: str) -> str:
    """The half in which one region lies: "cn-hangzhou" for cn-beijing."""
    return "cn-hangzhou" if region in MAINLAND else "ap-southeast-1"


def page_over(regions: Sequence[str], page: str | None, size: int, fetch: Fetch) -> Page:
    """One page over all regions: goes on into the next region until `size` were found.

    A page is named "region|the region's own page". Raises Permanent when the region of `page` is
    not among `regions` any more.
    """
    region, _, token = page.partition("|") if page else (regions[0] if regions else "", "", "")
    found: list[Found] = []
    for name in _from(regions, region):
        more, following = fetch(name, token or None)
        found += more
        token = ""
        if following:
            return Page(found=tuple(found), next=f"{name}|{following}")
        if len(found) >= size and name != regions[-1]:
            return Page(found=tuple(found), next=f"{regions[regions.index(name) + 1]}|")
    return Page(found=tuple(found))


def _from(regions: Sequence[str], first: str) -> Sequence[str]:
    if first and first not in regions:
        raise Permanent(
            f"the listing stands in region {first!r}, which the account no longer looks into",
            code="UnknownPage",
            advice="Start the listing anew.",
        )
    return regions[regions.index(first) :] if first else regions
