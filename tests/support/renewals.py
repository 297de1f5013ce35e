"""A certificate that resources serve, and its successors, for tests of renewals."""

from datetime import UTC, datetime

from temporalio.client import Client

from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.renewal import RenewalPolicy, RenewalSettings
from domain.tasks.handover import RenewalResult
from operations.inventory.service_sync import sync_here
from starter.requests.certificates import AUTO, save
from starter.requests.renewals import renew
from tests.support.factory import DAY, Leaf
from tests.support.stack import ACCOUNT, SERVICE, Stack

HOSTS = ("a.example.com", "b.example.com")


class RenewalSetup:
    """A stack in which every host of HOSTS serves `leaf`, which is stored as "shop"."""

    def __init__(self, stack: Stack, policy: RenewalPolicy, engine: Client | None = None) -> None:
        self.stack = stack
        self.set_engine(engine)
        self.leaf = stack.ca.leaf(["*.example.com"])
        stack.seed_domains(*HOSTS)
        self.bind(self.leaf, *HOSTS)
        self.first = self.store_certificate(self.leaf, "shop")
        stack.store.certificates.set_renewal(self.first.fingerprint, RenewalSettings(policy=policy))

    def set_engine(self, engine: Client | None) -> None:
        """Use this Temporal server; None for an address where nothing answers."""
        address = engine.service_client.config.target_host if engine else "127.0.0.1:1"
        self.settings = self.stack.settings.model_copy(update={"temporal_address": address})

    def bind(self, leaf: Leaf, *hosts: str) -> None:
        """Bind the leaf to these hosts, as somebody else would, and sync."""
        for host in hosts:
            self.stack.rebind(host, leaf)
        assert sync_here(self.stack.store, self.stack.connectors, ACCOUNT, SERVICE).error is None

    def store_certificate(self, leaf: Leaf, name: str, replaces: str = AUTO) -> Certificate:
        """Store it, by default as the successor of the certificate that has its names."""
        now = datetime.now(UTC)
        certificate, key = parse_pem(name, certificate=leaf.pem, key=leaf.key_pem, now=now)
        return save(self.stack.store, certificate, key, replaces=replaces).certificate

    def issue_next(self, names: tuple[str, ...] = ("*.example.com",)) -> Leaf:
        """Issue a leaf that expires a day later than the last one."""
        until = self.leaf.certificate.not_valid_after_utc + DAY
        self.leaf = self.stack.ca.leaf(list(names), not_after=until)
        return self.leaf

    async def renew(self, certificate: Certificate) -> RenewalResult:
        """Renew as the policy of the certificate says."""
        return await renew(self.stack.store, self.settings, certificate, "tester")
