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
from domain.resources.inventory_sync import Walk
from domain.resources.resource import Binding, Found
from starter import metrics
from starter.temporal.processes import free_port
from storage.settings import Settings
from storage.store import Store
from tests.storage.examples import NOW, account, create
from tests.storage.expiry_examples import FP, LATE, SOON, deploy, ours, place, put

A, B = FP["a"], FP["b"]
Series = dict[tuple[str, ...], float]


def parsed(text: str) -> dict[str, Series]:
    """Values by the labels' values, labels in alphabetical order, by name."""
    return {
        family.name: {
            tuple(v for _, v in sorted(each.labels.items())): each.value for each in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def ask(address: str, path: str = metrics.PATH) -> tuple[int, str]:
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def filled(store: Store) -> Store:
    store.accounts.add(account(), {})
    ours(store, A, LATE)
    put(store, place(1), Binding(fingerprint=A, not_after=LATE))
    put(store, place(2), Binding(fingerprint=B, name='a "quoted"\n\\name', not_after=SOON))
    put(store, place(3), Binding(name="by name", not_after=LATE))
    put(store, place(4), Binding(name="by name", not_after=SOON))
    store.inventory.upsert([Found(resource=place(5))], NOW)
    return store


def test_every_number_is_there_and_labels_are_escaped(filled: Store) -> None:
    deploy(filled, place(1), B, NOW - timedelta(hours=1))
    filled.quota.grant(7, "for the test", NOW)
    create(filled, "waiting")
    found = parsed(metrics.render(filled).decode())
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


def test_how_old_the_inventory_is_and_what_fails_is_told(filled: Store) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    good, bad = (Walk(account="main", service=f"alibaba.{n}", run="1") for n in ("cdn", "alb"))
    filled.syncs.finish(filled.syncs.begin(good, began), began, 5, 5, mark=False)
    filled.syncs.begin(bad, began)
    filled.syncs.fail(bad, began, Cause(code="Forbidden.RAM", message="no permission"))
    found = parsed(metrics.render(filled).decode())
    assert found["certroll_inventory_failed"] == {
        ("main", "alibaba.alb"): 1,
        ("main", "alibaba.cdn"): 0,
    }
    ((labels, age),) = found["certroll_inventory_age_seconds"].items()
    assert labels == ("main", "alibaba.cdn")
    assert 3600 <= age < 3700


def test_only_the_certificates_that_expire_soonest_are_series(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_CERTIFICATES", 1)
    found = parsed(metrics.render(filled).decode())
    assert len(found["certroll_certificate_resources"]) == 1
    assert found["certroll_certificates"] == {(): 4}


def test_a_storm_of_scrapes_is_one_reading(filled: Store) -> None:
    now = [0.0]
    gauges = metrics.Gauges(filled, lambda: now[0])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gauges.collect(), range(50)))
    assert all(answer is answers[0] for answer in answers)
    now[0] = metrics.SECONDS_KEPT - 0.1
    assert gauges.collect() is answers[0]
    now[0] = metrics.SECONDS_KEPT
    assert gauges.collect() is not answers[0]


def test_they_are_answered_at_one_path_until_the_end(filled: Store) -> None:
    address = f"127.0.0.1:{free_port()}"
    with metrics.serving(filled, address):
        status, text = ask(address)
        assert (status, parsed(text)["certroll_resources"]) == (200, {(): 5})
        assert ask(address, "/")[0] == 404
        with pytest.raises(BadInput, match="cannot listen at"), metrics.serving(filled, address):
            pass
    with pytest.raises(ConnectionRefusedError):
        ask(address)
    with metrics.serving(filled, None):
        pass


def test_loopback_of_the_other_kind_is_listened_at_too(filled: Store) -> None:
    address = f"[::1]:{free_port()}"
    with metrics.serving(filled, address):
        assert ask(address)[0] == 200


def test_a_database_that_fails_is_told_to_the_log_only(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("a secret place")

    address = f"127.0.0.1:{free_port()}"
    with metrics.serving(filled, address), capture_logs() as logs:
        monkeypatch.setattr(metrics, "read", fails)
        status, text = ask(address)
        assert (status, "secret" in text) == (500, False)
        assert [each["event"] for each in logs] == ["the metrics could not be read"]
        monkeypatch.undo()
        assert ask(address)[0] == 200


def test_who_connects_and_says_nothing_keeps_nobody_waiting(filled: Store) -> None:
    port = free_port()
    with metrics.serving(filled, f"127.0.0.1:{port}"), socket() as silent:
        silent.connect(("127.0.0.1", port))
        assert ask(f"127.0.0.1:{port}")[0] == 200


def test_a_worker_answers_even_while_it_waits_for_temporal(sqlite_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with Store.open(settings) as store:
        store.quota.grant(3, "for the test", NOW)
    port = free_port()
    environment = {
        **os.environ,
        "CERTROLL_HOME": str(settings.home),
        "CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "CERTROLL_METRICS_ADDRESS": str(port),
    }
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, stderr=log)
    try:
        text = _patiently(f"127.0.0.1:{port}", worker)
        assert parsed(text)["certroll_quota_balance"] == {(): 3}
    finally:
        worker.terminate()
        worker.wait(20)
    assert "metrics served" in (tmp_path / "log").read_text()


def _patiently(address: str, worker: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask(address)[1]
        except ConnectionRefusedError:
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
