"""Plays one scenario: starts a site, creates tasks, injects faults, sends requests, checks."""

import asyncio
import contextlib
import random
import shutil
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from domain.certificates.certificate import Certificate
from domain.plans.plan import Plan
from domain.resources.resource import Resource
from domain.tasks.record import TaskRecord
from domain.tasks.status import Tally
from starter.temporal.client import register_search_attributes
from tests.chaos import checks
from tests.chaos.checks import Violation
from tests.chaos.completion import wait_idle
from tests.chaos.evidence import Evidence, list_cloud_rows
from tests.chaos.faults import inject
from tests.chaos.key_search import find_leaked_keys
from tests.chaos.postgresql import Postgresql
from tests.chaos.recording_ca import RecordingCA
from tests.chaos.scenario import CloudFault, Fault, Request, Scenario
from tests.chaos.signals import SentRequests, send
from tests.chaos.site import Site, running_site
from tests.chaos.webhooks import WebhookReceiver
from tests.support.all_services_stack import ALGORITHMS

SETTERS = ("Set*", "Update*", "Upload*", "Associate*", "Dissociate*", "Modify*", "Put*", "Attach*")
SPARE = 50
REFUSED_NAME = "*-000*"
HANG = 2.0
UNSERVED_NAME = "*-001*"


@dataclass
class Result:
    """The result of a run; `tallies` counts all outcomes at the beginning of each fault."""

    scenario: Scenario
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    seconds: float = 0.0


async def run(
    scenario: Scenario,
    ca: RecordingCA,
    postgresql: Postgresql | None,
    *,
    mount: bool = False,
    keep: Path | None = None,
) -> Result:
    """Play the scenario; `keep` is the folder for the files of a run with violations."""
    began = time.monotonic()
    result = Result(scenario)
    if postgresql is not None:  # an aborted run may have left it stopped or cut off
        postgresql.proxy.set("open")
        postgresql.start()
    with (
        tempfile.TemporaryDirectory(prefix="certroll-chaos-", ignore_cleanup_errors=True) as folder,
        running_site(
            Path(folder),
            ca,
            scale=scenario.scale,
            workers=scenario.workers,
            postgresql=postgresql if scenario.postgresql else None,
            mount=mount,
            clocks_jump=any(each.kind.startswith("clock") for each in scenario.faults),
            seed=scenario.seed,
        ) as site,
        contextlib.closing(WebhookReceiver()) as webhooks,
    ):
        ca.clear()
        await _Run(scenario, site, webhooks, result, ca).execute()
        if result.violations and keep is not None:
            _keep_files(site, keep, result)
    result.seconds = time.monotonic() - began
    return result


class _Run:
    def __init__(
        self,
        scenario: Scenario,
        site: Site,
        webhooks: WebhookReceiver,
        result: Result,
        ca: RecordingCA,
    ) -> None:
        self.scenario, self.site, self.webhooks, self.result = scenario, site, webhooks, result
        self.dice = random.Random(scenario.seed + 1)  # noqa: S311 - repeatable on purpose
        self.sent = SentRequests()
        self.leaves = ca.leaves

    async def execute(self) -> None:
        scenario, site, stack = self.scenario, self.site, self.site.stack
        resources = await asyncio.to_thread(stack.sync_all)
        former = {key: _get_only(served) for key, served in stack.observe(resources).items()}
        stack.store.contacts.add("team", "webhook", self.webhooks.url)
        granted = scenario.tasks * scenario.scale + SPARE
        stack.grant_quota(granted)
        plans = await asyncio.to_thread(self._build_plans, resources)
        site.cloud.set_latency(scenario.latency_ms)
        site.cloud.set_propagation(scenario.propagation)
        for fault in scenario.cloud_faults:
            if fault.at == 0:
                self._add_cloud_fault(fault)
        client = await site.client()
        await register_search_attributes(client)
        tasks = [await self._create(client, number, plan) for number, plan in enumerate(plans)]
        await self._inject_faults_and_send_requests(tasks)
        await asyncio.to_thread(self._repair)
        idle = await self._wait_idle(tasks)
        for kind in scenario.late_requests if idle else ():
            task = self.dice.choice(tasks)
            await send(site, task, Request(kind, 0, 0), self.dice, self.sent)
            idle = idle and await self._wait_idle(tasks)
        await self._check(tasks, resources, former, granted)

    def _build_plans(self, resources: list[Resource]) -> list[Plan]:
        """Build all plans before any task begins, as operators who do not know of each other."""
        stack, scenario = self.site.stack, self.scenario
        if scenario.rivals:
            return [
                stack.build_plan(*self._upload_certificates(resources, each))
                for each in range(scenario.tasks)
            ]
        new = self._upload_certificates(resources, 0)
        if scenario.tasks == 1:
            return [stack.build_plan(*new)]
        ids = sorted(each.id for each in resources)
        parts = [tuple(ids[at :: scenario.tasks]) for at in range(scenario.tasks)]
        return [stack.build_plan(*new, resources=part) for part in parts]

    def _upload_certificates(self, resources: list[Resource], number: int) -> list[Certificate]:
        """Upload one certificate per kind of name, as `AllServicesStack.upload_successors` does."""
        names: defaultdict[str, set[str]] = defaultdict(set)
        for domain in (domain for each in resources for domain in each.domains):
            names[domain.removeprefix("*.").partition("-")[0]].add(domain)
        return [
            self.site.stack.upload(f"{kind} {number}", *sorted(names[kind]), algorithm=algorithm)
            for kind, algorithm in ALGORITHMS.items()
            if kind in names
        ]

    async def _create(self, client: Client, number: int, plan: Plan) -> TaskRecord:
        return await self.site.stack.create_task(
            client,
            plan,
            delay=timedelta(seconds=self.scenario.delay),
            name=f"task {number}",
            contacts=("team",),
            concurrency=self.scenario.concurrency,
            rollout=self.scenario.rollouts[number],
        )

    async def _inject_faults_and_send_requests(self, tasks: list[TaskRecord]) -> None:
        """Inject all faults and send all requests, each at its time; wait for their end."""
        scenario, site = self.scenario, self.site

        async def add_cloud_fault(planned: CloudFault) -> None:
            await asyncio.sleep(planned.at)
            with contextlib.suppress(Exception):  # the practice cloud may be down
                await asyncio.to_thread(self._add_cloud_fault, planned)

        async def send_request(planned: Request) -> None:
            await asyncio.sleep(planned.at)
            await send(site, tasks[planned.task], planned, self.dice, self.sent)

        async def inject_fault(planned: Fault) -> None:
            await asyncio.sleep(planned.at)
            with contextlib.suppress(OperationalError):  # the database may be down already
                self.result.tallies.append(await asyncio.to_thread(_sum_tallies, site, tasks))
            self.result.notes.append(await inject(site, planned))

        await asyncio.gather(
            *(inject_fault(each) for each in scenario.faults),
            *(add_cloud_fault(each) for each in scenario.cloud_faults if each.at > 0),
            *(send_request(each) for each in scenario.requests),
        )

    def _add_cloud_fault(self, fault: CloudFault) -> None:
        """Add a fault to the practice cloud now, and again at each of its restarts."""
        cloud = self.site.cloud
        more: dict[str, object] = {"share": fault.share}
        match fault.kind:
            case "refused":
                more = {"resource": REFUSED_NAME, "code": checks.REFUSED, "status": 403}
            case "unserved":
                more = {"resource": UNSERVED_NAME}
            case "hang":
                more["seconds"] = HANG
            case "throttle":
                more["retry_after_ms"] = 100
            case _:
                pass
        kind = "error" if fault.kind == "refused" else fault.kind

        def add() -> None:
            for operation in SETTERS if kind in ("error", "unserved", "lost") else ("*",):
                cloud.add_fault(kind, operation, **more)

        self.site.cloud_faults.append(add)
        add()

    def _repair(self) -> None:
        """Restart all processes and end all cloud faults except permanent refusals."""
        self.site.restart_stopped()
        self.site.cloud_faults.clear()
        self.site.cloud.clear_faults()
        for fault in self.scenario.cloud_faults:
            if fault.kind == "refused":
                self._add_cloud_fault(fault)

    async def _wait_idle(self, tasks: list[TaskRecord]) -> bool:
        """Whether all tasks have ended; each other one is a violation."""
        unended = await wait_idle(self.site, tasks, self.dice, self.sent)
        self.result.violations += [Violation(checks.REPORT, each) for each in unended]
        return not unended

    async def _check(
        self,
        tasks: list[TaskRecord],
        resources: list[Resource],
        former: dict[str, str | None],
        granted: int,
    ) -> None:
        await asyncio.sleep(self.scenario.propagation)
        evidence = Evidence(
            scenario=self.scenario,
            site=self.site,
            tasks=tasks,
            resources=resources,
            former=former,
            rows=list_cloud_rows(self.site, resources),
            observed=await asyncio.to_thread(self.site.stack.observe, resources),
            granted=granted,
            sent=self.sent,
            webhooks=self.webhooks,
        )
        if not self.result.violations:  # the other checks need tasks that have ended
            self.result.violations += checks.find_violations(evidence)
        self.result.violations += await asyncio.to_thread(find_leaked_keys, self.site, self.leaves)
        self.result.notes += self._build_notes(evidence)

    def _build_notes(self, evidence: Evidence) -> list[str]:
        ended = [f"{r.status}: {r.tally!r}" for r in evidence.records]
        return [*ended, *(f"refused {kind}: {why}" for _, kind, why in self.sent.refused)]


def _sum_tallies(site: Site, tasks: list[TaskRecord]) -> Tally:
    tallies = [dict(site.stack.store.tasks.outcomes.get_tally(task.id)) for task in tasks]
    return Tally(**{name: sum(each[name] for each in tallies) for name in tallies[0]})


def _get_only(served: set[str | None]) -> str | None:
    (only,) = served
    return only


def _keep_files(site: Site, keep: Path, result: Result) -> None:
    """Copy the logs and databases of a run; the keys in them are encrypted."""
    target = keep / f"seed-{result.scenario.seed}"
    shutil.copytree(site.settings.home, target, dirs_exist_ok=True)
