"""One run: a site, tasks on it, what strikes and what is asked meanwhile, and the judgement."""

import asyncio
import contextlib
import inspect
import random
import shutil
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.handshake import Endpoint, look
from domain.certificate import Certificate
from domain.plan import Plan
from domain.record import TaskRecord
from domain.resource import Resource
from domain.status import Tally, TaskStatus
from domain.task import workflow_id
from domain.waves import Rollout
from starter import tasks as starter_tasks
from starter.engine import register_search_attributes
from tests.chaos import keys, truth
from tests.chaos.asking import Asked, ask
from tests.chaos.issuing import Issuing
from tests.chaos.postgresql import Postgresql
from tests.chaos.scenario import Ask, Rule, Scenario, Strike
from tests.chaos.site import Site, running_site
from tests.chaos.strikes import strike
from tests.chaos.truth import Evidence, Violation
from tests.chaos.webhooks import Webhooks
from tests.everywhere import ALGORITHMS
from tests.practice_cloud import Row

PATIENCE = 240.0
QUERY = 10.0
LOOKERS = 8
OPEN = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
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
            clocks_jump=any(each.kind.startswith("clock") for each in scenario.strikes),
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
        self.asked = Asked()
        self.leaves = ca.leaves

    async def through(self) -> None:
        """Everything, in order."""
        scenario, site, house = self.scenario, self.site, self.site.house
        resources = await asyncio.to_thread(house.sync_all)
        former = {key: _one(seen) for key, seen in serving(site, resources).items()}
        house.store.contacts.add("team", "webhook", self.webhooks.url)
        granted = scenario.tasks * scenario.scale + SPARE
        house.grant(granted)
        plans = await asyncio.to_thread(self._plans, resources)
        site.cloud.latency(scenario.latency_ms)
        site.cloud.propagation(scenario.propagation)
        for rule in scenario.rules:
            if rule.at == 0:
                self._impose(rule)
        client = await site.client()
        await register_search_attributes(client)
        tasks = [await self._create(client, number, plan) for number, plan in enumerate(plans)]
        await self._storm(tasks)
        await asyncio.to_thread(self._calm)
        quiet = await self._quiet(tasks)
        for kind in scenario.late if quiet else ():
            task = self.dice.choice(tasks)
            await ask(site, task, Ask(kind, 0, 0), self.dice, self.asked)
            quiet = quiet and await self._quiet(tasks)
        await self._judge(tasks, resources, former, granted)

    def _plans(self, resources: list[Resource]) -> list[Plan]:
        """Made before any task begins, as two operators do who do not know of each other."""
        house, scenario = self.site.house, self.scenario
        if scenario.rivals:
            return [house.plan(*self._renewed(resources, each)) for each in range(scenario.tasks)]
        new = self._renewed(resources, 0)
        if scenario.tasks == 1:
            return [house.plan(*new)]
        ids = sorted(each.id for each in resources)
        parts = [tuple(ids[at :: scenario.tasks]) for at in range(scenario.tasks)]
        return [house.plan(*new, resources=part) for part in parts]

    def _renewed(self, resources: list[Resource], number: int) -> list[Certificate]:
        """One certificate for each kind of name, as `Everywhere.renew`, with names of their own."""
        names: defaultdict[str, set[str]] = defaultdict(set)
        for domain in (domain for each in resources for domain in each.domains):
            names[domain.removeprefix("*.").partition("-")[0]].add(domain)
        return [
            self.site.house.upload(f"{kind} {number}", *sorted(names[kind]), algorithm=algorithm)
            for kind, algorithm in ALGORITHMS.items()
            if kind in names
        ]

    async def _create(self, client: Client, number: int, plan: Plan) -> TaskRecord:
        return await self.site.house.create(
            client,
            plan,
            delay=timedelta(seconds=self.scenario.delay),
            name=f"task {number}",
            contacts=("team",),
            concurrency=self.scenario.concurrency,
            **_policy(self.scenario.rollouts[number]),
        )

    async def _storm(self, tasks: list[TaskRecord]) -> None:
        """All that strikes and all that is asked, each at its time; returns when all has ended."""
        scenario, site = self.scenario, self.site

        async def later(at: float, rule: Rule) -> None:
            await asyncio.sleep(at)
            with contextlib.suppress(Exception):  # the practice cloud may be down: no rule then
                await asyncio.to_thread(self._impose, rule)

        async def asking(planned: Ask) -> None:
            await asyncio.sleep(planned.at)
            await ask(site, tasks[planned.task], planned, self.dice, self.asked)

        async def striking(planned: Strike) -> None:
            await asyncio.sleep(planned.at)
            with contextlib.suppress(OperationalError):  # the database may be struck already
                self.result.struck.append(await asyncio.to_thread(_total, site, tasks))
            self.result.notes.append(await strike(site, planned))

        await asyncio.gather(
            *(striking(each) for each in scenario.strikes),
            *(later(rule.at, rule) for rule in scenario.rules if rule.at > 0),
            *(asking(each) for each in scenario.asks),
        )

    def _impose(self, rule: Rule) -> None:
        """Puts a rule in force; those in force come back when the practice cloud is restarted."""
        cloud = self.site.cloud
        more: dict[str, object] = {"share": rule.share}
        match rule.kind:
            case "refused":
                more = {"resource": REFUSED_NAME, "code": truth.REFUSED, "status": 403}
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
                cloud.fault(kind, operation, **more)

        self.site.rules.append(put)
        put()

    def _calm(self) -> None:
        """Whatever was struck works again, and the cloud refuses only what it refuses for good."""
        self.site.start_what_is_dead()
        self.site.rules.clear()
        self.site.cloud.clear_faults()
        for rule in self.scenario.rules:
            if rule.kind == "refused":
                self._impose(rule)

    async def _quiet(self, tasks: list[TaskRecord]) -> bool:
        """Whether nothing is under way any more; a violation for each task that does not end."""
        deadline = time.monotonic() + PATIENCE
        client = await self.site.client()
        waiting = list(tasks)
        while waiting and time.monotonic() < deadline:
            waiting = [task for task in waiting if not await self._rests(client, task)]
            if waiting:
                await asyncio.sleep(0.2)
        for task in waiting:
            text = f"task {task.id} does not end: {await self._standing(client, task)}"
            self.result.violations.append(Violation(truth.REPORT, text))
        return not waiting

    async def _rests(self, client: Client, task: TaskRecord) -> bool:
        handle = client.get_workflow_handle(workflow_id(task.id))
        described = await handle.describe()
        record = self.site.house.store.tasks.get(task.id)
        raw = described.raw_description
        busy = bool(raw.pending_activities) or raw.HasField("pending_workflow_task")
        closed = described.status is not WorkflowExecutionStatus.RUNNING
        if busy and not closed:
            return False
        if record.status in OPEN and not closed and await self._is_at_gate(client, task):
            await ask(self.site, task, Ask("proceed", 0, 0), self.dice, self.asked)
            return False
        return record.status not in OPEN

    async def _is_at_gate(self, client: Client, task: TaskRecord) -> bool:
        """A worker answers; where none does, the task will not have ended in time."""
        handle = client.get_workflow_handle(workflow_id(task.id))
        try:
            progress = await asyncio.wait_for(handle.query("progress"), QUERY)
        except (RPCError, TimeoutError):
            return False
        return "proceed" in progress.get("can", ())

    async def _standing(self, client: Client, task: TaskRecord) -> str:
        """Why a task is open: what it says of itself, and what it waits for."""
        try:
            handle = client.get_workflow_handle(workflow_id(task.id))
            described = await handle.describe()
            progress = await asyncio.wait_for(handle.query("progress"), QUERY)
        except (RPCError, TimeoutError) as error:
            return f"it does not answer: {error}"
        pending = [
            f"{each.activity_type.name} attempt {each.attempt}: {each.last_failure.message}"
            for each in described.raw_description.pending_activities[:5]
        ]
        record = self.site.house.store.tasks.get(task.id)
        return f"{described.status!r}, {record.status}, {progress}, pending {pending}"

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
            rows=_rows(self.site, resources),
            seen=await asyncio.to_thread(serving, self.site, resources),
            granted=granted,
            asked=self.asked,
            webhooks=self.webhooks,
        )
        if not self.result.violations:  # of what has not ended nothing else can be said
            self.result.violations += truth.judge(evidence)
        self.result.violations += await asyncio.to_thread(keys.search, self.site, self.leaves)
        self.result.notes += self._notes(evidence)

    def _notes(self, evidence: Evidence) -> list[str]:
        ended = [f"{r.status}: {r.tally!r}" for r in evidence.records]
        return [*ended, *(f"refused {kind}: {why}" for _, kind, why in self.asked.refused)]


def _policy(rollout: Rollout) -> dict[str, Any]:
    known = "rollout" in inspect.signature(starter_tasks.create).parameters
    return {"rollout": rollout} if known else {}


def _total(site: Site, tasks: list[TaskRecord]) -> Tally:
    tallies = [dict(site.house.store.tasks.outcomes.tally(task.id)) for task in tasks]
    return Tally(**{name: sum(each[name] for each in tallies) for name in tallies[0]})


def serving(site: Site, resources: list[Resource]) -> dict[str, set[str | None]]:
    """What handshakes show for all names of each resource, by its id."""

    def seen(resource: Resource) -> set[str | None]:
        return {look(endpoint).fingerprint for endpoint in _named(site, resource)}

    with ThreadPoolExecutor(LOOKERS) as lookers:
        found = lookers.map(seen, resources)
        return {each.id: shown for each, shown in zip(resources, found, strict=True)}


def _named(site: Site, resource: Resource) -> list[Endpoint]:
    """Without the one for clients that send no name, which the practice cloud refuses."""
    return [each for each in site.house.clouds.endpoints(resource) if each.server_name]


def _rows(site: Site, resources: list[Resource]) -> dict[str, Row]:
    """The cloud's books by resource: those of the host that its name is asked for."""
    by_host = {host: row for row in site.cloud.resources() for host in row["hosts"]}

    def find(resource: Resource) -> Row:
        name = _named(site, resource)[0].server_name or ""
        found: Row = by_host.get(name.lower()) or by_host["." + name.lower().partition(".")[2]]
        return found

    return {each.id: find(each) for each in resources}


def _one(seen: set[str | None]) -> str | None:
    (only,) = seen
    return only


def keep_files(site: Site, keep: Path, result: Result) -> None:
    """The logs and databases of a violated run; the keys in them are sealed."""
    target = keep / f"seed-{result.scenario.seed}"
    shutil.copytree(site.settings.home, target, dirs_exist_ok=True)
