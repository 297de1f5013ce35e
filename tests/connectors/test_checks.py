"""What an account's check costs: as much for many resources as for a few."""

from collections import Counter
from collections.abc import Iterator

import pytest

import connectors
from tests.support.practice_cloud import PracticeCloud

FEW, MANY = 200, 5000
SERVICES = [name for name in connectors.list_services() if name.startswith("alibaba.")]


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[PracticeCloud]]:
    """One with few resources of all services, and one with many."""
    folders = [tmp_path_factory.mktemp("cloud") for _ in range(2)]
    with PracticeCloud(folders[0], scale=FEW) as few, PracticeCloud(folders[1], scale=MANY) as many:
        yield [few, many]


def calls(cloud: PracticeCloud, service: str) -> Counter[str]:
    """The operations of one check."""
    before = counted(cloud)
    settings = connectors.parse_settings("alibaba", cloud.account)
    assert connectors.load_connector(service)("main", settings).check() == []
    return counted(cloud) - before


def counted(cloud: PracticeCloud) -> Counter[str]:
    """All calls so far."""
    return Counter({name: sum(codes.values()) for name, codes in cloud.count_calls().items()})


@pytest.mark.parametrize("service", SERVICES)
def test_a_check_asks_as_often_for_many_resources_as_for_few(
    service: str, clouds: list[PracticeCloud]
) -> None:
    few, many = (calls(cloud, service) for cloud in clouds)
    assert many == few
    assert 0 < many.total() <= 12
