"""One listing over many regions."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.regions import REGIONS, list_over_regions, list_regions
from domain.errors import Permanent
from domain.resources.resource import DiscoveredResource, Resource

SIZE = 3


def listing(
    content: dict[str, list[str]], region: str, token: str | None
) -> tuple[Sequence[DiscoveredResource], str | None]:
    start = int(token or 0)
    names = content[region][start : start + SIZE]
    more = start + SIZE < len(content[region])
    found = [
        DiscoveredResource(resource=Resource(account="a", service="s", key=name)) for name in names
    ]
    return found, str(start + SIZE) if more else None


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_every_page_over_all_regions_finds_everything_once(sizes: list[int]) -> None:
    content = {f"r{n}": [f"r{n}/{i}" for i in range(size)] for n, size in enumerate(sizes)}
    keys: list[str] = []
    page, pages = None, 0
    while page is not None or not pages:
        got = list_over_regions(list(content), page, SIZE, lambda r, t: listing(content, r, t))
        assert len(got.resources) < 2 * SIZE
        keys += [found.resource.key for found in got.resources]
        page, pages = got.next, pages + 1
    assert keys == [key for names in content.values() for key in names]
    assert pages <= sum(sizes) // SIZE + len(sizes)


def test_a_page_of_a_region_that_is_no_longer_listed_is_refused() -> None:
    with pytest.raises(Permanent) as refused:
        list_over_regions(["cn-hangzhou"], "cn-beijing|7", SIZE, lambda _r, _t: ([], None))
    assert refused.value.code == "UnknownPage"


def test_without_regions_there_is_nothing() -> None:
    assert list_over_regions([], None, SIZE, lambda _r, _t: ([], None)).resources == ()


def test_the_account_s_choice_goes_before_what_is_listed() -> None:
    base = {"access_key_id": "id", "access_key_secret": "secret"}
    chosen = AlibabaSettings.model_validate({**base, "regions": "cn-beijing, cn-shenzhen"})
    assert list_regions(chosen, lambda: ["x"]) == ["cn-beijing", "cn-shenzhen"]
    assert list_regions(AlibabaSettings.model_validate(base), lambda: ["x"]) == ["x"]
    intl = AlibabaSettings.model_validate({**base, "site": "intl"})
    assert list_regions(intl)[0] == "ap-southeast-1"


def test_both_sites_have_the_same_regions_and_each_only_once() -> None:
    assert sorted(REGIONS[Site.CN]) == sorted(set(REGIONS[Site.INTL]))
