"""A house with resources of all services, and certificates of all kinds for them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import connectors
from activities.inventory_sync import sync
from domain.certificates.certificate import Certificate
from domain.resources.resource import Resource
from domain.tasks.record import TaskRecord
from operations.tls.handshake import look
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA
from tests.support.house import ACCOUNT, House
from tests.support.practice_cloud import PracticeCloud

STORE = "alibaba.cas"  # which serves nothing itself
SERVICES = frozenset(connectors.names()) - {STORE}
ALGORITHMS = {"ec": "ec", "rsa": "rsa", "wild": "ec"}
FAST = 10_000.0  # calls per second: how many the services allow is the matter of other tests


class Everywhere(House):
    """A house whose practice cloud was started with a scale."""

    def sync_all(self) -> list[Resource]:
        """Walks all services; what the inventory then has."""
        for service in connectors.names():
            synced = sync(self.store, self.clouds, ACCOUNT, service)
            assert synced.error is None, f"{service}: {synced.error}"
        return [item.resource for item in self.store.inventory.list()]

    def renew(self, resources: Iterable[Resource]) -> list[Certificate]:
        """One certificate for each kind of the former ones: EC, RSA and wildcard."""
        names: defaultdict[str, set[str]] = defaultdict(set)
        for resource in resources:
            for domain in resource.domains:
                names[domain.removeprefix("*.").partition("-")[0]].add(domain)
        return [
            self.upload(f"new {kind}", *sorted(names[kind]), algorithm=algorithm)
            for kind, algorithm in ALGORITHMS.items()
            if kind in names
        ]

    def serving(self, resources: Iterable[Resource]) -> dict[str, set[str | None]]:
        """What handshakes for all names of each resource show, by its id."""

        def seen(resource: Resource) -> set[str | None]:
            endpoints = self.clouds.endpoints(resource)
            return {look(each).fingerprint for each in endpoints if each.server_name}

        asked = list(resources)
        with ThreadPoolExecutor(8) as lookers:
            found = lookers.map(seen, asked)
            return {each.id: shown for each, shown in zip(asked, found, strict=True)}

    def causes(self, task: TaskRecord) -> dict[str, str]:
        """Why changes of a task did not end well, by the resource's id."""
        listed = self.store.tasks.outcomes.list(task.id)
        return {each.change.resource.id: each.cause.message for each in listed if each.cause}


PROPAGATION = 0.3  # long enough that every state on the way is seen


@contextmanager
def open_everywhere(
    folder: Path,
    ca: CA,
    scale: int,
    settings: Settings,
    *,
    calls_per_second: float = FAST,
    propagation: float = 20.0,
) -> Iterator[Everywhere]:
    """All of it on SQLite, the practice cloud with so many resources.

    `propagation`: the seconds that certroll gives an endpoint to show what was bound.
    """
    (folder / "cloud").mkdir()
    with (
        PracticeCloud(
            folder / "cloud", propagation=PROPAGATION, record=False, keep_state=False, scale=scale
        ) as cloud,
        Store.open(settings) as store,
    ):
        house = Everywhere(settings, store, cloud, ca)
        house.add_account(propagation=propagation, calls_per_second=calls_per_second)
        yield house
