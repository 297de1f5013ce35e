"""The laboratory as a fixture, on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lab import Lab, running_lab
from tests.support.factory import CA


@pytest.fixture
def lab(tmp_path: Path, ca: CA) -> Iterator[Lab]:
    with running_lab(tmp_path, ca) as running:
        yield running


@pytest.fixture
def postgresql_lab(tmp_path: Path, ca: CA, postgresql_url: str) -> Iterator[Lab]:
    with running_lab(tmp_path, ca, postgresql_url) as running:
        yield running
