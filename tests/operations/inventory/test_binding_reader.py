"""The second half of a walk: what no listing tells is read, once, and never over newer word."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from activities.inventory_sync import sync, walk_on
from domain.errors import Transient
from domain.resources.inventory_sync import READ_AGE, Synced, Walk, WalkRecord
from domain.resources.resource import Binding, Resource
from operations.inventory import binding_reader
from tests.support.house import ACCOUNT, SERVICE, House

READ = "DescribeDomainCertificateInfo"
WALK = Walk(account=ACCOUNT, service=SERVICE, run="1")
FORBIDDEN = {"code": "Forbidden.RAM", "status": 403}


def hosts(count: int) -> list[str]:
    return [f"n{number:02}.example.com" for number in range(count)]


def seeded(house: House, names: list[str]) -> str:
    """Domains that serve one certificate, nothing known of them yet; its fingerprint.

    A sync leaves alone what was read within the last hour, as an account with scarce calls has it.
    """
    house.store.read_age = timedelta(hours=1)
    leaf = house.ca.leaf(["*.example.com"])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains = [{"name": name, "certificate": pem} for name in names]
    house.cloud.seed("cdn", account=house.key_id, domains=domains)
    return leaf.fingerprint


def read(house: House) -> Counter[str]:
    """How often each domain was asked what it serves."""
    rows = house.cloud.requests(house.key_id)
    asked = [row for row in rows if row["headers"]["x-acs-action"] == READ]
    return Counter(parse_qs(row["query"])["DomainName"][0] for row in asked)


def serving(house: House) -> dict[str, str | None]:
    items = [each for each in house.store.inventory.list() if each.binding_known]
    return {i.resource.key: i.binding.fingerprint if i.binding else None for i in items}


def walked(house: House) -> Synced:
    return sync(house.store, house.clouds, ACCOUNT, SERVICE)


def record(house: House) -> WalkRecord:
    (found,) = house.store.syncs.list()
    return found


def in_batches_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding_reader, "BATCH", size)


def aged(house: House, **times: datetime) -> None:
    """As if all had been read then."""
    for item in house.store.inventory.list():
        at = times.get(item.resource.key.partition(".")[0], datetime.now(UTC) - timedelta(days=1))
        house.store.inventory.bound(item.resource.id, item.binding, at)


def test_a_sync_reads_what_its_listing_does_not_tell(any_house: House) -> None:
    names = hosts(3)
    leaf = seeded(any_house, names)
    found = walked(any_house)
    assert (found.seen, found.to_read, found.were_read, found.error) == (3, 3, 3, None)
    assert serving(any_house) == dict.fromkeys(names, leaf)
    assert read(any_house) == dict.fromkeys(names, 1)
    assert record(any_house).ended_at is not None


def test_by_default_every_sync_reads_all_again(house: House) -> None:
    seeded(house, hosts(2))
    house.store.read_age = READ_AGE
    walked(house)
    new = house.ca.leaf(["*.example.com"])
    house.rebind("n01.example.com", new)
    assert walked(house).were_read == 2
    assert serving(house)["n01.example.com"] == new.fingerprint


def test_what_was_read_lately_is_left_alone_and_the_rest_goes_by_age(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = any_house
    seeded(house, hosts(4))
    walked(house)
    assert (walked(house).to_read, read(house).total()) == (0, 4)
    now = datetime.now(UTC)
    aged(house, n00=now, n02=now - timedelta(days=3), n03=now - timedelta(days=2))
    in_batches_of(1, monkeypatch)
    assert walked(house).were_read == 3
    asked = [parse_qs(row["query"]) for row in house.cloud.requests(house.key_id)]
    order = [each["DomainName"][0][:3] for each in asked if "DomainName" in each][4:]
    assert order == ["n02", "n03", "n01"]


def test_killed_it_goes_on_where_it_was(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    names = hosts(7)
    leaf = seeded(house, names)
    in_batches_of(2, monkeypatch)

    def killed(walk: WalkRecord) -> None:
        if walk.to_read is not None and walk.were_read == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk_on(house.store, house.clouds, WALK, killed)
    standing = record(house)
    assert (standing.to_read, standing.were_read, standing.ended_at) == (7, 4, None)
    assert standing.complete_at == standing.began_at, "all was listed"
    done = walk_on(house.store, house.clouds, WALK, lambda walk: None)
    assert (done.seen, done.to_read, done.were_read) == (7, 7, 7)
    assert read(house) == dict.fromkeys(names, 1)
    assert serving(house) == dict.fromkeys(names, leaf)


def test_one_that_does_not_tell_stops_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, hosts(3))
    in_batches_of(1, monkeypatch)
    fault: dict[str, Any] = {"resource": "n00.example.com", "code": "InvalidDomain.NotFound"}
    house.cloud.fault("error", READ, status=404, **fault)
    found = walked(house)
    assert (found.to_read, found.were_read, found.error) == (3, 2, None)
    assert sorted(serving(house)) == hosts(3)[1:]
    assert walked(house).to_read == 1, "the next walk asks again, and only that one"


def test_a_permission_that_is_missing_ends_the_reading_and_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, hosts(5))
    in_batches_of(2, monkeypatch)
    fault = house.cloud.fault("error", READ, **FORBIDDEN)
    found = walked(house)
    assert (found.seen, found.to_read, found.were_read) == (5, 5, 0)
    assert found.error is not None
    assert found.error.code == "Forbidden.RAM"
    assert house.cloud.hits(fault) == 2, "what is forbidden is not tried for all of them"
    walk = record(house)
    assert (walk.complete_at, walk.error) == (walk.began_at, found.error)


def test_a_permission_that_is_missing_for_one_leaves_the_others(house: House) -> None:
    seeded(house, hosts(3))
    house.cloud.fault("error", READ, resource="n01.example.com", **FORBIDDEN)
    found = walked(house)
    assert found.were_read == 2
    assert found.error is not None
    assert found.error.code == "Forbidden.RAM"


def test_where_nothing_answers_for_the_moment_it_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, hosts(5))
    in_batches_of(2, monkeypatch)
    house.cloud.fault("5xx", READ, count=2)
    with pytest.raises(Transient):
        walk_on(house.store, house.clouds, WALK, lambda walk: None)
    assert record(house).ended_at is None
    done = walk_on(house.store, house.clouds, WALK, lambda walk: None)
    assert (done.to_read, done.were_read, done.error) == (5, 3, None)
    assert walked(house).were_read == 2


def test_what_fails_for_the_moment_is_asked_once_more_at_the_end(house: House) -> None:
    seeded(house, hosts(3))
    house.cloud.fault("5xx", READ, count=1, resource="n01.example.com")
    found = walked(house)
    assert (found.to_read, found.were_read, found.error) == (3, 3, None)
    assert read(house) == {**dict.fromkeys(hosts(3), 1), "n01.example.com": 2}
    for name in hosts(3)[:2]:
        house.store.inventory.doubt(f"{ACCOUNT}/{SERVICE}/{name}")
    house.cloud.fault("5xx", READ, resource="n01.example.com")
    found = walked(house)
    assert (found.to_read, found.were_read, found.error) == (2, 1, None)


def test_it_ends_in_time_and_the_next_walk_reads_the_rest_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, hosts(5))
    in_batches_of(2, monkeypatch)
    monkeypatch.setattr(binding_reader, "LONGEST", timedelta())
    found = walked(house)
    assert (found.to_read, found.were_read, found.error) == (5, 2, None)
    assert walked(house).were_read == 2
    assert walked(house).were_read == 1
    assert read(house) == dict.fromkeys(hosts(5), 1)


def test_what_a_deployment_binds_meanwhile_is_not_overwritten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, hosts(2))
    connector = house.clouds.connector(ACCOUNT, SERVICE)
    asked, new = connector.read, Binding(fingerprint="ab" * 32)

    def slow(resource: Resource) -> Binding | None:
        told = asked(resource)
        if resource.key == "n00.example.com":
            house.store.inventory.bound(resource.id, new, datetime.now(UTC))
        else:
            house.store.inventory.doubt(resource.id)
        return told

    monkeypatch.setattr(connector, "read", slow)
    walked(house)
    assert serving(house) == {"n00.example.com": new.fingerprint}
