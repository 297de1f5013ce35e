"""A house whose account lists the slots of CDN and DCDN domains for SM2 pairs as well."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from activities.inventory_sync import sync
from domain.certificates.certificate import Certificate
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA
from tests.support.house import ACCOUNT, House
from tests.support.practice_cloud import PracticeCloud
from tests.support.sm2_factory import Sm2Authority, Sm2Pair, make_pair

HOST = "www.example.com"
SLOT = f"{HOST}/sm"
SM_SETTER = "SetCdnDomainSMCertificate"
ISSUER = Sm2Authority.root().sub()


class PairsHouse(House):
    """Words for what tests of SM2 pairs do all the time."""

    def domains_of(self, product: str, *names: str) -> None:
        """Creates domains at CDN or DCDN, each with a usual certificate, and syncs."""
        entries = []
        for name in names:
            leaf = self.ca.leaf([name])
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            entries.append({"name": name, "certificate": pem})
        self.cloud.seed(product, account=self.key_id, domains=entries)
        assert sync(self.store, self.clouds, ACCOUNT, f"alibaba.{product}").error is None

    def upload_pair(self, name: str, *hosts: str) -> Sm2Pair:
        """A new pair for these hosts, stored with its keys."""
        made = make_pair(name, *(hosts or (HOST,)), issuer=ISSUER)
        self.store.certificates.add(made.certificate, made.secret)
        return made

    def pair_plan(self, pair: Sm2Pair, *others: Certificate, **wish: Any) -> Any:
        """A plan that puts it into the slot of HOST, unless `wish` says otherwise."""
        wish = wish or {"resources": (f"{ACCOUNT}/alibaba.cdn/{SLOT}",)}
        return self.plan(pair.certificate, *others, **wish)

    def pairs(self, host: str = HOST) -> list[str]:
        """What was set in the slot of a domain, one after the other."""
        (row,) = self.cloud.resources(name=host)
        applied: list[str] = row["sm_applied"]
        return applied


@pytest.fixture
def pairs_house(
    sqlite_url: str, tmp_path: Path, cloud: PracticeCloud, ca: CA
) -> Iterator[PairsHouse]:
    """A house on SQLite, with one CDN domain."""
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with Store.open(settings) as store:
        house = PairsHouse(settings, store, cloud, ca)
        house.add_account(sm_slots="true")
        house.domains_of("cdn", HOST)
        yield house
