"""One run: a site, tasks on it, what strikes and what is asked meanwhile, and the judgement."""

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
from tests.chaos import checks, key_search
from tests.chaos.signals import SentRequests, send
from tests.chaos.evidence import books
from tests.chaos.completion import until_quiet
from tests.chaos.recording_ca import Issuing
from tests.chaos.postgresql import Postgresql
from tests.chaos.scenario import Request, CloudFault, Scenario, Fault
from tests.chaos.site import Site, running_site
from tests.chaos.faults import strike
from tests.chaos.checks import Evidence, Violation
from tests.chaos.webhooks import Webhooks
from tests.support.all_services_stack import ALGORITHMS

SETTERS = ("Set*", "Update*", "Upload*", "Associate*", "Dissociate*", "Modify*", "Put*", "Attach*")
SPARE = 50
REFUSED_NAME = "*-000*"
HANG = 2.0
UNSERVED_NAME = "*-001*"


@dataclass
class Result:
    """What came of a run; `struck` counts the outcomes of all tasks at the begin of each strike."""

    scenario: Scenario
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    struck: list[Tally] = field(default_factory=list)
    seconds: float = 0.0


async def run(
    scenario: Scenario,
    ca: Issuing,
    postgresql: Postgresql | None,
    *,
    mount: bool = False,
    keep: Path | None = None,
) -> Result:
    """From nothing to the judgement; `keep` is where to leave the files of a violated run."""
    began = time.monotonic()
    result = Result(scenario)
    if postgresql is not None:  # a run that broke off may have left it as it was struck
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
        contextlib.closing(Webhooks()) as webhooks,
    ):
        ca.forget()
        await _Run(scenario, site, webhooks, result, ca).through()
        if result.violations and keep is not None:
            keep_files(site, keep, result)
    result.seconds = time.monotonic() - began
    return result


class _Run:
    def __init__(
        self, scenario: Scenario, site: Site, webhooks: Webhooks, result: Result, ca: Issuing
    ) -> None:
        self.scenario, self.site, self.webhooks, self.result = scenario, site, webhooks, result
        self.dice = random.Random(scenario.seed + 1)  # noqa: S311 - repeatable on purpose
        self.asked = SentRequests()
        self.leaves = ca.leaves

    async def through(self) -> None:
        """Everything, in order."""
        scenario, site, stack = self.scenario, self.site, self.site.stack
        resources = await asyncio.to_thread(stack.sync_all)
        former = {key: _one(seen) for key, seen in stack.observe(resources).items()}
        stack.store.contacts.add("team", "webhook", self.webhooks.url)
        granted = scenario.tasks * scenario.scale + SPARE
        stack.grant_quota(granted)
        plans = await asyncio.to_thread(self._plans, resources)
        site.cloud.set_latency(scenario.latency_ms)
        site.cloud.set_propagation(scenario.propagation)
        for rule in scenario.cloud_faults:
            if rule.at == 0:
                self._impose(rule)
        client = await site.client()
        await register_search_attributes(client)
        tasks = [await self._create(client, number, plan) for number, plan in enumerate(plans)]
        await self._storm(tasks)
        await asyncio.to_thread(self._calm)
        quiet = await self._rest(tasks)
        for kind in scenario.late_requests if quiet else ():
            task = self.dice.choice(tasks)
            await send(site, task, Request(kind, 0, 0), self.dice, self.asked)
            quiet = quiet and await self._rest(tasks)
        await self._judge(tasks, resources, former, granted)

    def _plans(self, resources: list[Resource]) -> list[Plan]:
        """Made before any task begins, as two operators do who do not know of each other."""
        stack, scenario = self.site.stack, self.scenario
        if scenario.rivals:
            return [
                stack.build_plan(*self._renewed(resources, each)) for each in range(scenario.tasks)
            ]
        new = self._renewed(resources, 0)
        if scenario.tasks == 1:
            return [stack.build_plan(*new)]
        ids = sorted(each.id for each in resources)
        parts = [tuple(ids[at :: scenario.tasks]) for at in range(scenario.tasks)]
        return [stack.build_plan(*new, resources=part) for part in parts]

    def _renewed(self, resources: list[Resource], number: int) -> list[Certificate]:
        """One certificate for each kind of name, as `AllServicesStack.renew`, with names of their own."""
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

    async def _storm(self, tasks: list[TaskRecord]) -> None:
        """All that strikes and all that is asked, each at its time; returns when all has ended."""
        scenario, site = self.scenario, self.site

        async def later(at: float, rule: CloudFault) -> None:
            await asyncio.sleep(at)
            with contextlib.suppress(Exception):  # the practice cloud may be down: no rule then
                await asyncio.to_thread(self._impose, rule)

        async def asking(planned: Request) -> None:
            await asyncio.sleep(planned.at)
            await send(site, tasks[planned.task], planned, self.dice, self.asked)

        async def striking(planned: Fault) -> None:
            await asyncio.sleep(planned.at)
            with contextlib.suppress(OperationalError):  # the database may be struck already
                self.result.struck.append(await asyncio.to_thread(_total, site, tasks))
            self.result.notes.append(await strike(site, planned))

        await asyncio.gather(
            *(striking(each) for each in scenario.faults),
            *(later(rule.at, rule) for rule in scenario.cloud_faults if rule.at > 0),
            *(asking(each) for each in scenario.requests),
        )

    def _impose(self, rule: CloudFault) -> None:
        """Puts a rule in force; those in force come back when the practice cloud is restarted."""
        cloud = self.site.cloud
        more: dict[str, object] = {"share": rule.share}
        match rule.kind:
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
        kind = "error" if rule.kind == "refused" else rule.kind

        def put() -> None:
            for operation in SETTERS if kind in ("error", "unserved", "lost") else ("*",):
                cloud.add_fault(kind, operation, **more)

        self.site.rules.append(put)
        put()

    def _calm(self) -> None:
        """Whatever was struck works again, and the cloud refuses only what it refuses for good."""
        self.site.start_what_is_dead()
        self.site.rules.clear()
        self.site.cloud.clear_faults()
        for rule in self.scenario.cloud_faults:
            if rule.kind == "refused":
                self._impose(rule)

    async def _rest(self, tasks: list[TaskRecord]) -> bool:
        """Whether nothing is under way any more; a violation for each task that does not end."""
        open_ones = await until_quiet(self.site, tasks, self.dice, self.asked)
        self.result.violations += [Violation(checks.REPORT, each) for each in open_ones]
        return not open_ones

    async def _judge(
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
            rows=books(self.site, resources),
            seen=await asyncio.to_thread(self.site.stack.observe, resources),
            granted=granted,
            asked=self.asked,
            webhooks=self.webhooks,
        )
        if not self.result.violations:  # of what has not ended nothing else can be said
            self.result.violations += checks.judge(evidence)
        self.result.violations += await asyncio.to_thread(key_search.search, self.site, self.leaves)
        self.result.notes += self._notes(evidence)

    def _notes(self, evidence: Evidence) -> list[str]:
        ended = [f"{r.status}: {r.tally!r}" for r in evidence.records]
        return [*ended, *(f"refused {kind}: {why}" for _, kind, why in self.asked.refused)]


def _total(site: Site, tasks: list[TaskRecord]) -> Tally:
    tallies = [dict(site.stack.store.tasks.outcomes.get_tally(task.id)) for task in tasks]
    return Tally(**{name: sum(each[name] for each in tallies) for name in tallies[0]})


def _one(seen: set[str | None]) -> str | None:
    (only,) = seen
    return only


def keep_files(site: Site, keep: Path, result: Result) -> None:
    """The logs and databases of a violated run; the keys in them are sealed."""
    target = keep / f"seed-{result.scenario.seed}"
    shutil.copytree(site.settings.home, target, dirs_exist_ok=True)
