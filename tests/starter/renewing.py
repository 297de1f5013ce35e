"""A certificate that resources serve, and its successors, for tests of handing over."""

from datetime import UTC, datetime

from temporalio.client import Client

from activities.inventory_sync import sync
from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.renewal import Policy, Standing
from domain.tasks.handover import Handover
from starter.requests.certificates import AUTO, keep
from starter.requests.renewals import renew
from tests.support.factory import DAY, Leaf
from tests.support.house import ACCOUNT, SERVICE, House

HOSTS = ("a.example.com", "b.example.com")


class Renewing:
    """`leaf` is served by every host of HOSTS and stored as "shop"."""

    def __init__(self, house: House, policy: Policy, engine: Client | None = None) -> None:
        self.house = house
        self.reach(engine)
        self.leaf = house.ca.leaf(["*.example.com"])
        house.domains(*HOSTS)
        self.serve(self.leaf, *HOSTS)
        self.first = self.keep(self.leaf, "shop")
        house.store.certificates.stand(self.first.fingerprint, Standing(policy=policy))

    def reach(self, engine: Client | None) -> None:
        """Which engine is asked; None: one that does not answer."""
        address = engine.service_client.config.target_host if engine else "127.0.0.1:1"
        self.settings = self.house.settings.model_copy(update={"temporal_address": address})

    def serve(self, leaf: Leaf, *hosts: str) -> None:
        """Somebody has put it there, and the inventory knows."""
        for host in hosts:
            self.house.rebind(host, leaf)
        assert sync(self.house.store, self.house.clouds, ACCOUNT, SERVICE).error is None

    def keep(self, leaf: Leaf, name: str, replaces: str = AUTO) -> Certificate:
        """Stored, as the successor of whatever has its names unless told."""
        now = datetime.now(UTC)
        certificate, key = parse_pem(name, certificate=leaf.pem, key=leaf.key_pem, now=now)
        return keep(self.house.store, certificate, key, replaces=replaces).certificate

    def next(self, names: tuple[str, ...] = ("*.example.com",)) -> Leaf:
        """One that expires a day later than the former."""
        until = self.leaf.certificate.not_valid_after_utc + DAY
        self.leaf = self.house.ca.leaf(list(names), not_after=until)
        return self.leaf

    async def renew(self, certificate: Certificate) -> Handover:
        """Handed over as its policy says."""
        return await renew(self.house.store, self.settings, certificate, "tester")
