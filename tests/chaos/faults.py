"""Injects faults into processes, networks, disk and clock, and ends them; `run` calls it."""

import asyncio
import contextlib
import os
import signal

from domain.errors import CertrollError
from tests.chaos import clock
from tests.chaos.proxy import Mode, Proxy
from tests.chaos.scenario import Fault
from tests.chaos.site import Site, Worker

JUMP = 240  # seconds; providers refuse requests that are 15 minutes off
SLOW = 0.15  # seconds of delay

_MODES: dict[str, Mode] = {"cut": "cut", "stall": "stalled", "deafen": "deaf", "slow": "open"}


async def inject(site: Site, planned: Fault) -> str:
    """Inject one fault and wait for its end; returns a note for the report."""
    worker = site.workers[planned.which % len(site.workers)]
    verb, _, what = planned.kind.partition(" ")
    try:
        note = await asyncio.to_thread(_begin, site, worker, verb, what)
        await asyncio.sleep(planned.seconds)
    finally:
        await asyncio.to_thread(_end, site, worker, verb, what)
    return note or planned.kind


def _begin(site: Site, worker: Worker, verb: str, what: str) -> str:
    match verb:
        case "kill":
            _kill_processes(site, worker, what)
        case "stop":
            _signal_process(site, worker, what, signal.SIGSTOP)
        case "full":
            site.disk.fill(site.pids())
        case "clock":
            if clock.find_library() is None:
                return f"{verb} {what}: not possible here, libfaketime is not installed"
            worker.clock.set_offset(JUMP if what == "ahead" else -JUMP)
        case _:
            for network in _list_networks(site, worker, what):
                network.set(_MODES[verb], SLOW if verb == "slow" else 0.0)
    return ""


def _end(site: Site, worker: Worker, verb: str, what: str) -> None:
    match verb:
        case "kill":
            try:
                site.restart_stopped()
            except CertrollError:
                if not site.disk.is_full:  # the end of "full disk" restarts it
                    raise
        case "stop":
            _signal_process(site, worker, what, signal.SIGCONT)
        case "full":
            site.disk.free(site.pids())
            site.restart_stopped()  # a server may end where it cannot write
        case "clock":
            worker.clock.set_offset(0)
        case _:
            for network in _list_networks(site, worker, what):
                network.set("open")


def _kill_processes(site: Site, worker: Worker, what: str) -> None:
    everything = what == "all"
    if everything or "temporal" in what:
        site.kill_temporal()
    if everything or "worker" in what:
        site.kill_worker(worker)
    if everything or what == "cloud":
        site.cloud.kill()
    if what == "database" and site.postgresql is not None:
        site.postgresql.kill()


def _signal_process(site: Site, worker: Worker, what: str, number: signal.Signals) -> None:
    match what:
        case "worker":
            child = worker.child
        case "temporal":
            child = site.temporal
        case _:
            if site.postgresql is not None:
                site.postgresql.signal(number)
            return
    if child is not None and child.is_running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.process.pid, number)


def _list_networks(site: Site, worker: Worker, what: str) -> list[Proxy]:
    match what:
        case "temporal":
            return [worker.network]
        case "cloud":
            return [site.to_cloud, site.to_edge]
        case "edge":
            return [site.to_edge]
        case "database":
            return [site.postgresql.proxy] if site.postgresql is not None else []
        case _:
            return [worker.network, site.to_cloud, site.to_edge]
