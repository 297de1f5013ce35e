"""The second half of a sync: bindings that no listing reports are read once each."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from domain.errors import Transient
from domain.resources.inventory_sync import (
    READ_AGE,
    ServiceSync,
    ServiceSyncRecord,
    ServiceSyncResult,
)
from domain.resources.resource import Binding, Resource
from operations.inventory import binding_reader
from operations.inventory.service_sync import resume_sync, sync_here
from tests.support.stack import ACCOUNT, SERVICE, Stack

READ = "DescribeDomainCertificateInfo"
SYNC = ServiceSync(account=ACCOUNT, service=SERVICE, run="1")
FORBIDDEN = {"code": "Forbidden.RAM", "status": 403}


def build_names(count: int) -> list[str]:
    return [f"n{number:02}.example.com" for number in range(count)]


def seed_names(stack: Stack, names: list[str]) -> str:
    """Domains that serve one certificate, with unknown bindings; returns its fingerprint.

    A sync does not read again what was read within the last hour.
    """
    stack.store.read_age = timedelta(hours=1)
    leaf = stack.ca.leaf(["*.example.com"])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains = [{"name": name, "certificate": pem} for name in names]
    stack.cloud.seed("cdn", account=stack.key_id, domains=domains)
    return leaf.fingerprint


def count_reads(stack: Stack) -> Counter[str]:
    """How often each domain was read."""
    rows = stack.cloud.list_requests(stack.key_id)
    reads = [row for row in rows if row["headers"]["x-acs-action"] == READ]
    return Counter(parse_qs(row["query"])["DomainName"][0] for row in reads)


def list_served(stack: Stack) -> dict[str, str | None]:
    items = [each for each in stack.store.inventory.list() if each.binding_known]
    return {i.resource.key: i.binding.fingerprint if i.binding else None for i in items}


def sync(stack: Stack) -> ServiceSyncResult:
    return sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE)


def get_record(stack: Stack) -> ServiceSyncRecord:
    (found,) = stack.store.syncs.list()
    return found


def set_batch_size(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding_reader, "BATCH", size)


def set_read_times(stack: Stack, **times: datetime) -> None:
    """Sets when each domain was read: a day ago, or the given time."""
    for item in stack.store.inventory.list():
        at = times.get(item.resource.key.partition(".")[0], datetime.now(UTC) - timedelta(days=1))
        stack.store.inventory.save_binding(item.resource.id, item.binding, at)


def test_a_sync_reads_bindings_that_its_listing_does_not_report(any_stack: Stack) -> None:
    names = build_names(3)
    leaf = seed_names(any_stack, names)
    found = sync(any_stack)
    assert (found.seen, found.to_read, found.were_read, found.error) == (3, 3, 3, None)
    assert list_served(any_stack) == dict.fromkeys(names, leaf)
    assert count_reads(any_stack) == dict.fromkeys(names, 1)
    assert get_record(any_stack).ended_at is not None


def test_by_default_every_sync_reads_all_again(stack: Stack) -> None:
    seed_names(stack, build_names(2))
    stack.store.read_age = READ_AGE
    sync(stack)
    new = stack.ca.leaf(["*.example.com"])
    stack.rebind("n01.example.com", new)
    assert sync(stack).were_read == 2
    assert list_served(stack)["n01.example.com"] == new.fingerprint


def test_recently_read_bindings_are_left_alone_and_the_rest_is_read_by_age(
    any_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = any_stack
    seed_names(stack, build_names(4))
    sync(stack)
    assert (sync(stack).to_read, count_reads(stack).total()) == (0, 4)
    now = datetime.now(UTC)
    set_read_times(stack, n00=now, n02=now - timedelta(days=3), n03=now - timedelta(days=2))
    set_batch_size(1, monkeypatch)
    assert sync(stack).were_read == 3
    queries = [parse_qs(row["query"]) for row in stack.cloud.list_requests(stack.key_id)]
    order = [each["DomainName"][0][:3] for each in queries if "DomainName" in each][4:]
    assert order == ["n02", "n03", "n01"]


def test_a_killed_sync_continues_where_it_was(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = build_names(7)
    leaf = seed_names(stack, names)
    set_batch_size(2, monkeypatch)

    def killed(record: ServiceSyncRecord) -> None:
        if record.to_read is not None and record.were_read == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resume_sync(stack.store, stack.connectors, SYNC, killed)
    standing = get_record(stack)
    assert (standing.to_read, standing.were_read, standing.ended_at) == (7, 4, None)
    assert standing.complete_at == standing.began_at, "all was listed"
    done = resume_sync(stack.store, stack.connectors, SYNC, lambda record: None)
    assert (done.seen, done.to_read, done.were_read) == (7, 7, 7)
    assert count_reads(stack) == dict.fromkeys(names, 1)
    assert list_served(stack) == dict.fromkeys(names, leaf)


def test_one_resource_that_cannot_be_read_stops_no_other(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_names(stack, build_names(3))
    set_batch_size(1, monkeypatch)
    fault: dict[str, Any] = {"resource": "n00.example.com", "code": "InvalidDomain.NotFound"}
    stack.cloud.add_fault("error", READ, status=404, **fault)
    found = sync(stack)
    assert (found.to_read, found.were_read, found.error) == (3, 2, None)
    assert sorted(list_served(stack)) == build_names(3)[1:]
    assert sync(stack).to_read == 1, "the next sync reads only that one again"


def test_a_missing_permission_ends_the_reading_and_is_its_error(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_names(stack, build_names(5))
    set_batch_size(2, monkeypatch)
    fault = stack.cloud.add_fault("error", READ, **FORBIDDEN)
    found = sync(stack)
    assert (found.seen, found.to_read, found.were_read) == (5, 5, 0)
    assert found.error is not None
    assert found.error.code == "Forbidden.RAM"
    assert stack.cloud.count_hits(fault) == 2, "it is not tried for all of them"
    record = get_record(stack)
    assert (record.complete_at, record.error) == (record.began_at, found.error)


def test_a_missing_permission_for_one_resource_stops_no_other(stack: Stack) -> None:
    seed_names(stack, build_names(3))
    stack.cloud.add_fault("error", READ, resource="n01.example.com", **FORBIDDEN)
    found = sync(stack)
    assert found.were_read == 2
    assert found.error is not None
    assert found.error.code == "Forbidden.RAM"


def test_a_batch_that_fails_with_transient_errors_is_retried(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_names(stack, build_names(5))
    set_batch_size(2, monkeypatch)
    stack.cloud.add_fault("5xx", READ, count=2)
    with pytest.raises(Transient):
        resume_sync(stack.store, stack.connectors, SYNC, lambda record: None)
    assert get_record(stack).ended_at is None
    done = resume_sync(stack.store, stack.connectors, SYNC, lambda record: None)
    assert (done.to_read, done.were_read, done.error) == (5, 3, None)
    assert sync(stack).were_read == 2


def test_a_transient_error_of_one_resource_is_retried_once_at_the_end(stack: Stack) -> None:
    seed_names(stack, build_names(3))
    stack.cloud.add_fault("5xx", READ, count=1, resource="n01.example.com")
    found = sync(stack)
    assert (found.to_read, found.were_read, found.error) == (3, 3, None)
    assert count_reads(stack) == {**dict.fromkeys(build_names(3), 1), "n01.example.com": 2}
    for name in build_names(3)[:2]:
        stack.store.inventory.mark_unknown(f"{ACCOUNT}/{SERVICE}/{name}")
    stack.cloud.add_fault("5xx", READ, resource="n01.example.com")
    found = sync(stack)
    assert (found.to_read, found.were_read, found.error) == (2, 1, None)


def test_the_reading_ends_in_time_and_the_next_sync_reads_the_rest_first(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_names(stack, build_names(5))
    set_batch_size(2, monkeypatch)
    monkeypatch.setattr(binding_reader, "MAX_READING_TIME", timedelta())
    found = sync(stack)
    assert (found.to_read, found.were_read, found.error) == (5, 2, None)
    assert sync(stack).were_read == 2
    assert sync(stack).were_read == 1
    assert count_reads(stack) == dict.fromkeys(build_names(5), 1)


def test_a_binding_that_a_deployment_saves_meanwhile_is_not_overwritten(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_names(stack, build_names(2))
    connector = stack.connectors.get(ACCOUNT, SERVICE)
    original, new = connector.read, Binding(fingerprint="ab" * 32)

    def slow(resource: Resource) -> Binding | None:
        binding = original(resource)
        if resource.key == "n00.example.com":
            stack.store.inventory.save_binding(resource.id, new, datetime.now(UTC))
        else:
            stack.store.inventory.mark_unknown(resource.id)
        return binding

    monkeypatch.setattr(connector, "read", slow)
    sync(stack)
    assert list_served(stack) == {"n00.example.com": new.fingerprint}
