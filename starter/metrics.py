"""Serves metrics for Prometheus: over HTTP beside a worker, as text for the CLI."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from socket import AF_INET6
from socketserver import ThreadingMixIn
from time import monotonic
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.certificates.expiry import ServedCertificate
from domain.certificates.validation import to_printable
from domain.errors import BadInput
from domain.tasks.status import TaskStatus
from storage.settings import split_address
from storage.store import Store

log = structlog.get_logger()

PATH = "/metrics"
CACHE_SECONDS = 15.0
MAX_CERTIFICATES = 5000
"""The certificates that expire soonest; this bounds a scrape to some megabytes."""
REQUEST_TIMEOUT = 10

Labels = tuple[str, str, str]


class Gauges(Collector):
    """All gauges, read at most once every 15 seconds."""

    def __init__(self, store: Store, clock: Callable[[], float] = monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = threading.Lock()
        self._metrics: list[Metric] = []
        self._valid_until = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """The metrics; concurrent scrapes share one reading."""
        with self._lock:
            if self._clock() >= self._valid_until:
                self._metrics = list(collect_gauges(self._store, datetime.now(UTC)))
                self._valid_until = self._clock() + CACHE_SECONDS
            return self._metrics


def collect_gauges(store: Store, now: datetime) -> Iterator[Metric]:
    """Reads all gauges. Labels name certificates and services, never a resource."""
    served = store.expiry.list_certificates(limit=MAX_CERTIFICATES)
    yield from _certificates(served.rows)
    yield _gauge("certroll_certificates", "Certificates that are served.", served.total)
    counts = store.expiry.count_resources()
    yield _gauge("certroll_resources", "Resources that are not gone.", counts.resources)
    description = "Resources whose certificate or expiry is not known."
    yield _gauge("certroll_resources_unknown", description, counts.unknown)
    description = "Resources that serve a fingerprint which no certificate in the vault has."
    yield _gauge("certroll_resources_unmanaged", description, counts.unmanaged)
    description = "Resources that serve something else than we deployed there last."
    yield _gauge("certroll_resources_drifted", description, counts.drifted)
    yield from _syncs(store, now)
    description = "Deployments that may still be reserved."
    yield _gauge("certroll_quota_balance", description, store.quota.get_balance())
    tasks = GaugeMetricFamily("certroll_tasks", "Deployment tasks.", labels=["status"])
    numbers = store.expiry.count_tasks_by_status()
    for status in TaskStatus:
        tasks.add_metric([status.value], numbers.get(status.value, 0))
    yield tasks


def _gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(name, description, value=value)


def _certificates(served: Iterable[ServedCertificate]) -> Iterator[Metric]:
    """Certificates with equal labels form one series with the soonest expiry."""
    until: dict[Labels, float] = {}
    resources: dict[Labels, int] = {}
    for each in served:
        labels = _build_labels(each)
        resources[labels] = resources.get(labels, 0) + each.resources
        if each.not_after is not None:
            until.setdefault(labels, each.not_after.timestamp())  # the soonest comes first
    names = ["fingerprint", "name", "managed"]
    description = "When a certificate that is served expires, in seconds since 1970."
    expiry = GaugeMetricFamily(
        "certroll_certificate_not_after_timestamp_seconds", description, labels=names
    )
    for labels, when in until.items():
        expiry.add_metric(labels, when)
    description = "Resources that serve this certificate."
    serving = GaugeMetricFamily("certroll_certificate_resources", description, labels=names)
    for labels, number in resources.items():
        serving.add_metric(labels, number)
    yield from (expiry, serving)


def _build_labels(each: ServedCertificate) -> Labels:
    managed = {True: "yes", False: "no", None: "unknown"}[each.managed]
    return each.fingerprint or "", to_printable((each.name or "").replace("\n", " ")), managed


def _syncs(store: Store, now: datetime) -> Iterator[Metric]:
    names = ["account", "service"]
    description = "Seconds since the start of the newest complete sync of a service."
    age = GaugeMetricFamily("certroll_inventory_age_seconds", description, labels=names)
    description = "1 if the newest sync has failed or is being retried after an error."
    failed = GaugeMetricFamily("certroll_inventory_failed", description, labels=names)
    for walk in store.syncs.list():
        labels = (walk.account, walk.service)
        failed.add_metric(labels, int(walk.error is not None))
        if walk.complete_at is not None:
            age.add_metric(labels, (now - walk.complete_at).total_seconds())
    yield from (age, failed)


def _registry(store: Store) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Gauges(store))
    return registry


def render(store: Store) -> bytes:
    """The metrics in Prometheus' text format, for a file or a pipe."""
    return generate_latest(_registry(store))


@contextmanager
def serve(store: Store, address: str | None) -> Iterator[None]:
    """Serves http://ADDRESS/metrics until the block ends; does nothing without an address.

    BadInput if it cannot listen at the address.
    """
    if address is None:
        yield
        return
    server = _listen(address, _only_metrics(make_wsgi_app(_registry(store))))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    log.info("metrics served", address=f"http://{address}{PATH}")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    """One daemon thread per request."""

    daemon_threads = True

    def handle_error(self, _request: Any, _address: Any) -> None:
        """Ignores clients that have disconnected."""


class _ServerV6(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    """Logs no requests, resolves no names, and drops silent clients."""

    timeout = REQUEST_TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:
        return

    def address_string(self) -> str:
        """The client's address; the default would resolve its name."""
        return str(self.client_address[0])


def _listen(address: str, app: Any) -> WSGIServer:
    host, port = split_address(address)
    kind = _ServerV6 if ":" in host else _Server
    try:
        return make_server(host, port, app, kind, _Handler)
    except OSError as error:
        raise BadInput(
            f"cannot listen at {address}: {error.strerror or error}",
            code="address-in-use",
            where="CERTROLL_METRICS_ADDRESS",
            fix="Give each worker a port of its own, or unset the variable.",
        ) from None


def _only_metrics(app: Any) -> Any:
    """Answers one path; errors go to the log and not to the client."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO") != PATH:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"The metrics are at /metrics.\n"]
        try:
            return app(environ, start_response)
        except Exception:
            log.exception("the metrics could not be read")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"The metrics could not be read; see the log of the worker.\n"]

    return answer
