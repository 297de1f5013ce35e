"""Faults that strike processes, networks, the disk and the clock, and end by themselves."""

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
SLOW = 0.15

_MODES: dict[str, Mode] = {"cut": "cut", "stall": "stalled", "deafen": "deaf", "slow": "open"}


async def strike(site: Site, planned: Fault) -> str:
    """One strike, from now to its end: what it did."""
    worker = site.workers[planned.which % len(site.workers)]
    verb, _, what = planned.kind.partition(" ")
    try:
        told = await asyncio.to_thread(_harm, site, worker, verb, what)
        await asyncio.sleep(planned.seconds)
    finally:
        await asyncio.to_thread(_repair, site, worker, verb, what)
    return told or planned.kind


def _harm(site: Site, worker: Worker, verb: str, what: str) -> str:
    match verb:
        case "kill":
            _kill(site, worker, what)
        case "stop":
            _signal(site, worker, what, signal.SIGSTOP)
        case "full":
            site.disk.fill(site.pids())
        case "clock":
            if clock.library() is None:
                return f"{verb} {what}: not possible here, libfaketime is not installed"
            worker.clock.jump(JUMP if what == "ahead" else -JUMP)
        case _:
            for network in _networks(site, worker, what):
                network.set(_MODES[verb], SLOW if verb == "slow" else 0.0)
    return ""


def _repair(site: Site, worker: Worker, verb: str, what: str) -> None:
    match verb:
        case "kill":
            try:
                site.start_what_is_dead()
            except CertrollError:
                if not site.disk.is_full:  # else it is started as soon as there is room again
                    raise
        case "stop":
            _signal(site, worker, what, signal.SIGCONT)
        case "full":
            site.disk.free(site.pids())
            site.start_what_is_dead()  # a server may end where it cannot write
        case "clock":
            worker.clock.jump(0)
        case _:
            for network in _networks(site, worker, what):
                network.set("open")


def _kill(site: Site, worker: Worker, what: str) -> None:
    everything = what == "all"
    if everything or "temporal" in what:
        site.kill_temporal()
    if everything or "worker" in what:
        site.kill_worker(worker)
    if everything or what == "cloud":
        site.cloud.kill()
    if what == "database" and site.postgresql is not None:
        site.postgresql.kill()


def _signal(site: Site, worker: Worker, what: str, number: signal.Signals) -> None:
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


def _networks(site: Site, worker: Worker, what: str) -> list[Proxy]:
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
