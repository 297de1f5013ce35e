"""A stack with resources of all services, and certificates of all kinds for them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import connectors
from domain.certificates.certificate import Certificate
from domain.resources.resource import Resource
from domain.tasks.record import TaskRecord
from operations.inventory.service_sync import sync_here
from operations.tls.handshake import shake_hands
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud
from tests.support.stack import ACCOUNT, Stack

STORE = "alibaba.cas"  # serves nothing itself
PRACTICED = [name for name in connectors.list_services() if name.startswith("alibaba.")]
SERVICES = frozenset(PRACTICED) - {STORE}
ALGORITHMS = {"ec": "ec", "rsa": "rsa", "wild": "ec"}
UNLIMITED_CALLS = 10_000.0  # calls per second; other tests are about rate limits


class AllServicesStack(Stack):
    """A stack whose practice cloud was started with a scale."""

    def sync_all(self) -> list[Resource]:
        """Sync all services, and return the inventory."""
        for service in PRACTICED:
            synced = sync_here(self.store, self.connectors, ACCOUNT, service)
            assert synced.error is None, f"{service}: {synced.error}"
        return [item.resource for item in self.store.inventory.list()]

    def upload_successors(self, resources: Iterable[Resource]) -> list[Certificate]:
        """Upload one certificate for each kind that is served now: EC, RSA and wildcard."""
        names: defaultdict[str, set[str]] = defaultdict(set)
        for resource in resources:
            for domain in resource.domains:
                names[domain.removeprefix("*.").partition("-")[0]].add(domain)
        return [
            self.upload(f"new {kind}", *sorted(names[kind]), algorithm=algorithm)
            for kind, algorithm in ALGORITHMS.items()
            if kind in names
        ]

    def observe(self, resources: Iterable[Resource]) -> dict[str, set[str | None]]:
        """The fingerprints that all names of each resource serve, by the id of the resource."""

        def shake_all_hands(resource: Resource) -> set[str | None]:
            endpoints = self.connectors.list_endpoints(resource)
            return {shake_hands(each).fingerprint for each in endpoints if each.server_name}

        listed = list(resources)
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(shake_all_hands, listed)
            return {each.id: served for each, served in zip(listed, found, strict=True)}

    def list_causes(self, task: TaskRecord) -> dict[str, str]:
        """The messages of the causes of a task, by the id of the resource."""
        listed = self.store.tasks.outcomes.list(task.id)
        return {each.change.resource.id: each.cause.message for each in listed if each.cause}


PROPAGATION = 0.3  # long enough to observe every state in between


@contextmanager
def open_all_services_stack(
    folder: Path,
    ca: CA,
    scale: int,
    settings: Settings,
    *,
    calls_per_second: float = UNLIMITED_CALLS,
    propagation: float = 20.0,
) -> Iterator[AllServicesStack]:
    """Open a stack whose practice cloud has about `scale` resources.

    `propagation` is how many seconds certroll waits for an endpoint to serve what was bound.
    """
    (folder / "cloud").mkdir()
    with (
        PracticeCloud(
            folder / "cloud", propagation=PROPAGATION, record=False, keep_state=False, scale=scale
        ) as cloud,
        Store.open(settings) as store,
    ):
        stack = AllServicesStack(settings, store, cloud, ca)
        stack.add_account(propagation=propagation, calls_per_second=calls_per_second)
        yield stack
