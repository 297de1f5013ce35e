"""A fixture for a stack whose account also lists the SM2 slots of CDN and DCDN domains."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.certificates.certificate import Certificate
from operations.inventory.service_sync import sync_here
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud
from tests.support.sm2_factory import Sm2Authority, Sm2Pair, build_pair
from tests.support.stack import ACCOUNT, Stack

HOST = "www.example.com"
SLOT = f"{HOST}/sm"
SM_SETTER = "SetCdnDomainSMCertificate"
ISSUER = Sm2Authority.root().sub()


class Sm2Stack(Stack):
    """The steps that tests of SM2 pairs share."""

    def seed_domains_of(self, product: str, *names: str) -> None:
        """Create domains at CDN or DCDN, each with an ordinary certificate, and sync."""
        entries = []
        for name in names:
            leaf = self.ca.leaf([name])
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            entries.append({"name": name, "certificate": pem})
        self.cloud.seed(product, account=self.key_id, domains=entries)
        assert sync_here(self.store, self.connectors, ACCOUNT, f"alibaba.{product}").error is None

    def upload_pair(self, name: str, *hosts: str) -> Sm2Pair:
        """Issue a pair for these hosts and store it with its keys."""
        pair = build_pair(name, *(hosts or (HOST,)), issuer=ISSUER)
        self.store.certificates.add(pair.certificate, pair.secret)
        return pair

    def build_pair_plan(self, pair: Sm2Pair, *others: Certificate, **request: Any) -> Any:
        """Plan the pair for the SM2 slot of HOST, unless `request` says otherwise."""
        request = request or {"resources": (f"{ACCOUNT}/alibaba.cdn/{SLOT}",)}
        return self.build_plan(pair.certificate, *others, **request)

    def list_pairs_set(self, host: str = HOST) -> list[str]:
        """The pairs that were bound to the SM2 slot of a domain, in their order."""
        (row,) = self.cloud.list_resources(name=host)
        applied: list[str] = row["sm_applied"]
        return applied


@pytest.fixture
def sm2_stack(sqlite_url: str, tmp_path: Path, cloud: PracticeCloud, ca: CA) -> Iterator[Sm2Stack]:
    """A stack on SQLite, with one CDN domain."""
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with Store.open(settings) as store:
        stack = Sm2Stack(settings, store, cloud, ca)
        stack.add_account(sm_slots="true")
        stack.seed_domains_of("cdn", HOST)
        yield stack
