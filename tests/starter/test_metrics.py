"""Metrics: one reading for many scrapes, over real HTTP, beside a real worker."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from structlog.testing import capture_logs

from domain.cause import Cause
from domain.errors import BadInput
from domain.resources.inventory_sync import ServiceSync
from domain.resources.resource import Binding, DiscoveredResource
from starter import metrics
from starter.temporal.processes import find_free_port
from storage.settings import Settings
from storage.store import Store
from tests.support.expiry_examples import (
    FP,
    LATE,
    SOON,
    build_resource,
    deploy,
    store_binding,
    store_certificate,
)
from tests.support.stored_examples import NOW, build_account, create_task

A, B = FP["a"], FP["b"]
Series = dict[tuple[str, ...], float]


def parse(text: str) -> dict[str, Series]:
    """Values by the labels' values, labels in alphabetical order, by name."""
    return {
        family.name: {
            tuple(v for _, v in sorted(each.labels.items())): each.value for each in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def scrape(address: str, path: str = metrics.PATH) -> tuple[int, str]:
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def filled_store(store: Store) -> Store:
    store.accounts.add(build_account(), {})
    store_certificate(store, A, LATE)
    store_binding(store, build_resource(1), Binding(fingerprint=A, not_after=LATE))
    store_binding(
        store, build_resource(2), Binding(fingerprint=B, name='a "quoted"\n\\name', not_after=SOON)
    )
    store_binding(store, build_resource(3), Binding(name="by name", not_after=LATE))
    store_binding(store, build_resource(4), Binding(name="by name", not_after=SOON))
    store.inventory.upsert([DiscoveredResource(resource=build_resource(5))], NOW)
    return store


def test_every_number_is_there_and_labels_are_escaped(filled_store: Store) -> None:
    deploy(filled_store, build_resource(1), B, NOW - timedelta(hours=1))
    filled_store.quota.grant(7, "for the test", NOW)
    create_task(filled_store, "waiting")
    found = parse(metrics.render(filled_store).decode())
    odd = (B, "no", 'a "quoted" \\name')
    assert found["certroll_certificate_not_after_timestamp_seconds"] == {
        (A, "yes", "our-a"): LATE.timestamp(),
        odd: SOON.timestamp(),
        ("", "unknown", "by name"): SOON.timestamp(),
    }
    assert found["certroll_certificate_resources"] == {
        (A, "yes", "our-a"): 1,
        odd: 1,
        ("", "unknown", "by name"): 2,
    }
    assert found["certroll_certificates"] == {(): 4}
    assert found["certroll_resources"] == {(): 5}
    assert found["certroll_resources_unknown"] == {(): 1}
    assert found["certroll_resources_unmanaged"] == {(): 1}
    assert found["certroll_resources_drifted"] == {(): 0}
    assert found["certroll_quota_balance"] == {(): 7}
    assert found["certroll_tasks"][("scheduled",)] == 2
    assert found["certroll_tasks"][("failed",)] == 0


def test_how_old_the_inventory_is_and_what_fails_is_reported(filled_store: Store) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    good, bad = (
        ServiceSync(account="main", service=f"alibaba.{n}", run="1") for n in ("cdn", "alb")
    )
    filled_store.syncs.finish(filled_store.syncs.begin(good, began), began, 5, 5, mark=False)
    filled_store.syncs.begin(bad, began)
    filled_store.syncs.fail(bad, began, Cause(code="Forbidden.RAM", message="no permission"))
    found = parse(metrics.render(filled_store).decode())
    assert found["certroll_inventory_failed"] == {
        ("main", "alibaba.alb"): 1,
        ("main", "alibaba.cdn"): 0,
    }
    ((labels, age),) = found["certroll_inventory_age_seconds"].items()
    assert labels == ("main", "alibaba.cdn")
    assert 3600 <= age < 3700


def test_only_the_certificates_that_expire_soonest_are_series(
    filled_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_CERTIFICATES", 1)
    found = parse(metrics.render(filled_store).decode())
    assert len(found["certroll_certificate_resources"]) == 1
    assert found["certroll_certificates"] == {(): 4}


def test_a_storm_of_scrapes_is_one_reading(filled_store: Store) -> None:
    now = [0.0]
    gauges = metrics.Gauges(filled_store, lambda: now[0])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gauges.collect(), range(50)))
    assert all(answer is answers[0] for answer in answers)
    now[0] = metrics.CACHE_SECONDS - 0.1
    assert gauges.collect() is answers[0]
    now[0] = metrics.CACHE_SECONDS
    assert gauges.collect() is not answers[0]


def test_they_are_answered_at_one_path_until_the_end(filled_store: Store) -> None:
    address = f"127.0.0.1:{find_free_port()}"
    with metrics.serve(filled_store, address):
        status, text = scrape(address)
        assert (status, parse(text)["certroll_resources"]) == (200, {(): 5})
        assert scrape(address, "/")[0] == 404
        with pytest.raises(BadInput) as refused, metrics.serve(filled_store, address):
            pass
        assert refused.value.code == "address-in-use"
    with pytest.raises(ConnectionRefusedError):
        scrape(address)
    with metrics.serve(filled_store, None):
        pass


def test_loopback_of_the_other_kind_is_listened_at_too(filled_store: Store) -> None:
    address = f"[::1]:{find_free_port()}"
    with metrics.serve(filled_store, address):
        assert scrape(address)[0] == 200


def test_a_database_that_fails_is_reported_to_the_log_only(
    filled_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("a secret place")

    address = f"127.0.0.1:{find_free_port()}"
    with metrics.serve(filled_store, address), capture_logs() as logs:
        monkeypatch.setattr(metrics, "collect_gauges", fails)
        status, text = scrape(address)
        assert (status, "secret" in text) == (500, False)
        assert [each["event"] for each in logs] == ["the metrics could not be read"]
        monkeypatch.undo()
        assert scrape(address)[0] == 200


def test_who_connects_and_says_nothing_keeps_nobody_waiting(filled_store: Store) -> None:
    port = find_free_port()
    with metrics.serve(filled_store, f"127.0.0.1:{port}"), socket() as silent:
        silent.connect(("127.0.0.1", port))
        assert scrape(f"127.0.0.1:{port}")[0] == 200


def test_a_worker_answers_even_while_it_waits_for_temporal(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with Store.open(settings) as store:
        store.quota.grant(3, "for the test", NOW)
    port = find_free_port()
    environment = {
        **os.environ,
        "CERTROLL_HOME": str(settings.home),
        "CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "CERTROLL_METRICS_ADDRESS": str(port),
    }
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, stderr=log)
    try:
        text = _scrape_once_up(f"127.0.0.1:{port}", worker)
        assert parse(text)["certroll_quota_balance"] == {(): 3}
    finally:
        worker.terminate()
        worker.wait(20)
    assert "metrics served" in (tmp_path / "log").read_text()


def _scrape_once_up(address: str, worker: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            return scrape(address)[1]
        except ConnectionRefusedError:
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
