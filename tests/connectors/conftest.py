"""One practice cloud for all tests of connectors; each test works in an account of its own."""

from collections.abc import Iterator

import pytest

from tests.connectors.lab import Lab
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud


@pytest.fixture(scope="session")
def ca() -> CA:
    return CA()


@pytest.fixture(scope="session")
def shared_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeCloud]:
    folder = tmp_path_factory.mktemp("practice-cloud")
    with PracticeCloud(folder, spare_accounts=2000) as started:
        yield started


@pytest.fixture
def cloud(shared_cloud: PracticeCloud) -> Iterator[PracticeCloud]:
    yield shared_cloud
    shared_cloud.clear_faults()


@pytest.fixture
def lab(cloud: PracticeCloud, ca: CA) -> Lab:
    return Lab(cloud, ca, cloud.new_account())
