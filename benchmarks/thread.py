"""Measures one task of many resources, beside two baselines: a bare loop, and empty.py."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from temporalio.client import Client

from benchmarks import empty
from benchmarks.lab import ACCOUNT, SERVICE, Cpu, Lab, lab, stopwatch
from domain.plans.request import PlanRequest
from domain.resources.resource import CertificateRef, Resource
from domain.tasks.messages import build_workflow_id
from domain.tasks.spec import TaskSpec
from domain.tasks.status import TaskStatus
from operations.planning.planner import make_plan
from operations.tls.handshake import shake_hands
from starter.requests import tasks
from starter.temporal.client import connect


@dataclass
class Result:
    """One row of the table; rates in resources per second, CPU in ms per resource."""

    latency_ms: int
    resources: int
    certroll: float
    bare: float
    empty: float
    engine_ms: float
    worker_ms: float
    sandbox_ms: float
    events: float
    history_bytes: float
    worker_peak_mib: float

    @property
    def to_bare(self) -> float:
        """Certroll's rate as a share of the bare loop's."""
        return self.certroll / self.bare

    @property
    def to_empty(self) -> float:
        """Certroll's rate as a share of the empty activities'."""
        return self.certroll / self.empty


def measure(latency_ms: int, count: int) -> Result:
    """Measures all three one after the other; on a shared machine only the ratios are reliable."""
    with lab(latency_ms) as running:
        resources = running.add_domains("bare", count)
        bare_seconds = deploy_bare(running, resources, running.upload_certificate("bare"))
        running.add_domains("task", count)
        seconds, cpu, history = asyncio.run(
            _run_task(running, running.upload_certificate("task"), count)
        )
        empty_seconds = asyncio.run(empty.run(running, count))
        return Result(
            latency_ms=latency_ms,
            resources=count,
            certroll=count / seconds,
            bare=count / bare_seconds,
            empty=count / empty_seconds,
            engine_ms=cpu.engine / count * 1000,
            worker_ms=cpu.worker / count * 1000,
            sandbox_ms=cpu.sandbox / count * 1000,
            events=history[0] / count,
            history_bytes=history[1] / count,
            worker_peak_mib=running.worker_peak_mib(),
        )


def deploy_bare(lab: Lab, resources: list[Resource], fingerprint: str) -> float:
    """Baseline 1: the same calls and handshakes in a thread pool, without durability; seconds."""
    connector = lab.connectors.get(ACCOUNT, SERVICE)
    certificate = lab.store.certificates.get(fingerprint)

    def deploy(resource: Resource, ref: CertificateRef) -> None:
        connector.read(resource)
        connector.bind(resource, ref)
        while not connector.has_arrived(resource, ref):
            pass
        for endpoint in lab.connectors.list_endpoints(resource):
            while shake_hands(endpoint).fingerprint != fingerprint:
                pass

    with stopwatch() as took, ThreadPoolExecutor(lab.concurrency) as pool:
        ref = connector.install(
            certificate, lambda: lab.store.certificates.get_key(fingerprint), resources[0]
        )
        list(pool.map(lambda resource: deploy(resource, ref), resources))
    return took[0]


async def _run_task(
    running: Lab, fingerprint: str, count: int
) -> tuple[float, Cpu, tuple[int, int]]:
    request = PlanRequest(certificates=(fingerprint,), all_matched=True)
    plan = make_plan(running.store, running.connectors, request, now=datetime.now(UTC))
    if len(plan.changes) != count:
        raise SystemExit(f"{len(plan.changes)} changes instead of {count}: {plan.refusals[:3]}")
    client = await connect(running.settings)
    before = running.measure_cpu()
    with stopwatch() as took:
        spec = TaskSpec(
            name=f"bench {count}",
            plan=plan,
            at=datetime.now(UTC),
            created_by="bench",
            concurrency=running.concurrency,
        )
        record = await tasks.create(running.store, client, spec)
        async for changed in tasks.watch(running.store, record.id):
            record = changed
    cpu = running.measure_cpu() - before
    if record.status is not TaskStatus.SUCCEEDED:
        raise SystemExit(f"the task is {record.status}: {record.tally}")
    return took[0], cpu, await _measure_history(client, record.id)


async def _measure_history(client: Client, task_id: str) -> tuple[int, int]:
    """Events and bytes over all runs of the task's workflow."""
    events = size = 0
    async for run in client.list_workflows(f"WorkflowId = '{build_workflow_id(task_id)}'"):
        handle = client.get_workflow_handle(run.id, run_id=run.run_id)
        async for event in handle.fetch_history_events():
            events += 1
            size += event.ByteSize()
    return events, size


def format_table(results: list[Result]) -> str:
    """Markdown."""
    lines = [
        "| per call | certroll | bare loop | empty activities | to bare | to empty "
        "| CPU ms engine / worker / sandbox | history events, bytes | worker peak |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        lines.append(
            f"| {r.latency_ms} ms | {r.certroll:.0f}/s | {r.bare:.0f}/s | {r.empty:.0f}/s "
            f"| {r.to_bare:.2f} | {r.to_empty:.2f} "
            f"| {r.engine_ms:.1f} / {r.worker_ms:.1f} / {r.sandbox_ms:.1f} "
            f"| {r.events:.1f}, {r.history_bytes:.0f} | {r.worker_peak_mib:.0f} MiB |"
        )
    return "\n".join(lines)


def to_dicts(results: list[Result]) -> list[dict[str, float]]:
    """The results for --json."""
    return [asdict(result) for result in results]
