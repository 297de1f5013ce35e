"""Metrics for Prometheus: as text, and over HTTP beside a worker."""

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

from domain.certificates.expiry import Served
from domain.errors import BadInput
from domain.tasks.status import TaskStatus
from starter.cli.terminal.output import printable
from storage.settings import host_and_port
from storage.store import Store

log = structlog.get_logger()

PATH = "/metrics"
SECONDS_KEPT = 15.0
MOST_CERTIFICATES = 5000
"""Those that expire soonest: however large an account is, a scrape stays some megabytes."""
SECONDS_TO_ASK = 10

Labels = tuple[str, str, str]


class Gauges(Collector):
    """Everything that is measured, read anew at most every 15 seconds, and once at a time."""

    def __init__(self, store: Store, clock: Callable[[], float] = monotonic) -> None:
        self._store, self._clock = store, clock
        self._turn = threading.Lock()
        self._known: list[Metric] = []
        self._until = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """The metrics; a storm of scrapes waits for one reading and shares it."""
        with self._turn:
            if self._clock() >= self._until:
                self._known = list(read(self._store, datetime.now(UTC)))
                self._until = self._clock() + SECONDS_KEPT
            return self._known


def read(store: Store, now: datetime) -> Iterator[Metric]:
    """All gauges as they stand: labels name certificates and services, never a resource."""
    served = store.expiry.certificates(limit=MOST_CERTIFICATES)
    yield from _certificates(served.rows)
    yield _gauge("certroll_certificates", "Certificates that are served.", served.total)
    counts = store.expiry.counts()
    yield _gauge("certroll_resources", "Resources that are not gone.", counts.resources)
    about = "Resources whose certificate or expiry is not known."
    yield _gauge("certroll_resources_unknown", about, counts.unknown)
    about = "Resources that serve a fingerprint which no certificate in the vault has."
    yield _gauge("certroll_resources_unmanaged", about, counts.unmanaged)
    about = "Resources that serve something else than was deployed there last."
    yield _gauge("certroll_resources_drifted", about, counts.drifted)
    yield from _syncs(store, now)
    about = "Deployments that may still be reserved."
    yield _gauge("certroll_quota_balance", about, store.quota.balance())
    tasks = GaugeMetricFamily("certroll_tasks", "Deployment tasks.", labels=["status"])
    numbers = store.expiry.tasks()
    for status in TaskStatus:
        tasks.add_metric([status.value], numbers.get(status.value, 0))
    yield tasks


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _certificates(served: Iterable[Served]) -> Iterator[Metric]:
    """What is known by one name is one series, of the soonest expiry: labels must be unique."""
    until: dict[Labels, float] = {}
    resources: dict[Labels, int] = {}
    for each in served:
        labels = _labels(each)
        resources[labels] = resources.get(labels, 0) + each.resources
        if each.not_after is not None:
            until.setdefault(labels, each.not_after.timestamp())  # the soonest comes first
    names = ["fingerprint", "name", "managed"]
    about = "When a certificate that is served expires, in seconds since 1970."
    expiry = GaugeMetricFamily(
        "certroll_certificate_not_after_timestamp_seconds", about, labels=names
    )
    for labels, when in until.items():
        expiry.add_metric(labels, when)
    about = "Resources that serve this certificate."
    serving = GaugeMetricFamily("certroll_certificate_resources", about, labels=names)
    for labels, number in resources.items():
        serving.add_metric(labels, number)
    yield from (expiry, serving)


def _labels(each: Served) -> Labels:
    managed = {True: "yes", False: "no", None: "unknown"}[each.managed]
    return each.fingerprint or "", printable(each.name or "").replace("\n", " "), managed


def _syncs(store: Store, now: datetime) -> Iterator[Metric]:
    names = ["account", "service"]
    about = "Seconds since the newest walk began that saw every resource of a service."
    age = GaugeMetricFamily("certroll_inventory_age_seconds", about, labels=names)
    about = "1 where the newest walk ended, or stands still, with an error."
    failed = GaugeMetricFamily("certroll_inventory_failed", about, labels=names)
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
def serving(store: Store, address: str | None) -> Iterator[None]:
    """Answers at http://ADDRESS/metrics until the block ends; without an address nothing happens.

    `BadInput` where the address cannot be had.
    """
    if address is None:
        yield
        return
    server = _listening(address, _only_metrics(make_wsgi_app(_registry(store))))
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
    """A thread for each request, none of which keeps the process from ending."""

    daemon_threads = True

    def handle_error(self, _request: Any, _address: Any) -> None:
        """Whoever asked has left; that is no news."""


class _ServerV6(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    """Says nothing of each request, and waits for none that does not come."""

    timeout = SECONDS_TO_ASK

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def address_string(self) -> str:
        """The address itself, instead of a name that would have to be asked for."""
        return str(self.client_address[0])


def _listening(address: str, app: Any) -> WSGIServer:
    host, port = host_and_port(address)
    kind = _ServerV6 if ":" in host else _Server
    try:
        return make_server(host, port, app, kind, _Handler)
    except OSError as error:
        raise BadInput(
            f"cannot listen at {address}: {error.strerror or error}",
            where="CERTROLL_METRICS_ADDRESS",
            fix="Give each worker a port of its own, or unset the variable.",
        ) from None


def _only_metrics(app: Any) -> Any:
    """One path, and an error that is told to the log and not to whoever asks."""

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
