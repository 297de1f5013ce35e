"""Sandboxes for tests: a shared one for what leaves no trace, own ones for the rest."""

from collections.abc import Callable, Iterator

import pytest

from tests.sandbox.running import Running
from tests.support.factory import Authority

Start = Callable[..., Running]


@pytest.fixture(scope="session", autouse=True)
def _no_proxies() -> Iterator[None]:
    """The official client sends even loopback calls to a proxy that the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def root() -> Authority:
    return Authority.root("Practice Root")


@pytest.fixture(scope="session")
def authority(root: Authority) -> Authority:
    return root.sub("Practice CA")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sandboxes with the arguments given; all are gone when the test is over."""
    started: list[Running] = []

    def run(*arguments: str) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield run
    for one in started:
        one.kill()


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    running = Running("--propagation", "0")
    yield running
    running.kill()


@pytest.fixture
def cloud(shared: Running) -> Iterator[Running]:
    """The shared sandbox: no propagation delay, no faults; tests use domains of their own."""
    yield shared
    shared.control("DELETE", "faults")
    shared.control("POST", "propagation", {"seconds": 0})
