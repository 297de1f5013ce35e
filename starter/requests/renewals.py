"""Handing a successor over to the resources that serve its predecessor, as its policy says."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from domain.certificates.certificate import Certificate
from domain.certificates.renewal import Mode, Policy
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.tasks.handover import STOPPED, Handover
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from operations.planning.planner import make_plan
from operations.runtime.connector_pool import Clouds
from starter.requests.certificates import look
from starter.requests.plans import save
from starter.requests.tasks import create
from starter.temporal.client import connect, workers
from storage.settings import Settings
from storage.store import Store

_WAITS_OR_RUNS = (TaskStatus.SCHEDULED, TaskStatus.RUNNING)


async def renew(store: Store, settings: Settings, certificate: Certificate, by: str) -> Handover:
    """Does what the certificate's policy says, once: the same call again makes nothing twice.

    Whatever hinders a task is raised as `starter.tasks.create` and `starter.engine.connect` raise
    it; nothing is made then, and the next call makes it.
    """
    known = look(store, certificate)
    if known.is_done:
        return known
    former = _tasks(store, certificate) if known.mode is Mode.AUTOMATIC else []
    if former and former[-1].status in (*_WAITS_OR_RUNS, *STOPPED):
        return _told(known, former[-1])
    policy = store.certificates.standing(certificate.fingerprint).policy
    wish = _wish(certificate, known, policy)
    plan = await asyncio.to_thread(make_plan, store, Clouds(store), wish, now=datetime.now(UTC))
    plan = _without(plan, await asyncio.to_thread(_deployed, store, former))
    known = _planned(known, plan)
    if not plan.changes:
        return _told(known, former[-1]) if former else known.because(_why_nothing(known))
    if known.mode is Mode.PROPOSE or known.lost:
        return _proposed(store, known, certificate, plan, wish, by)
    client = await connect(settings)
    task = await create(
        store,
        client,
        name=_numbered(f"renew {certificate.name}", len(former)),
        plan=plan,
        contacts=policy.contacts,
        at=datetime.now(UTC),
        created_by=by,
        rollback_days=policy.rollback_days,
    )
    unattended = not await workers(client)
    return known.model_copy(update={"task": task, "is_new": True, "unattended": unattended})


def _wish(certificate: Certificate, known: Handover, policy: Policy) -> PlanRequest:
    return PlanRequest(
        certificates=(certificate.fingerprint,),
        accounts=policy.accounts,
        services=policy.services,
        serving=known.predecessors,
        all_matched=True,
    )


def _planned(known: Handover, plan: Plan) -> Handover:
    lost = [name for change in plan.changes for name in change.names_lost]
    return known.model_copy(
        update={
            "lost": tuple(dict.fromkeys([*known.lost, *lost])),
            "changes": len(plan.changes),
            "refusals": plan.refusals,
        }
    )


def _why_nothing(known: Handover) -> str:
    if known.refusals:
        return "no resource would be changed"
    return "no resource serves what it replaces, as far as the inventory knows"


def _told(known: Handover, task: TaskRecord) -> Handover:
    """The task that was made before, and what it changes."""
    reason = None if task.status in _WAITS_OR_RUNS else "its task has ended, and nothing is left"
    if task.status in STOPPED:
        reason = "its task was stopped or taken back: nothing is begun again by itself"
    return known.model_copy(update={"task": task, "changes": task.tally.total, "reason": reason})


def _tasks(store: Store, certificate: Certificate) -> list[TaskRecord]:
    """Those that were made here for it, oldest first, without any that Temporal did not take."""
    tasks = [store.tasks.get(each) for each in store.certificates.tasks(certificate.fingerprint)]
    names = {_numbered(f"renew {certificate.name}", number) for number in range(len(tasks))}
    return [
        task
        for task in tasks
        if task.name in names and not (task.deleted_at and task.status is TaskStatus.SCHEDULED)
    ]


def _numbered(name: str, before: int) -> str:
    return f"{name} ({before + 1})" if before else name


def _deployed(store: Store, tasks: Sequence[TaskRecord]) -> frozenset[str]:
    """Ids of the resources that have it by now: the inventory knows only at its next sync."""
    return frozenset(
        outcome.change.resource.id
        for task in tasks
        for outcome in store.tasks.outcomes.list(task.id)
        if outcome.status in (OutcomeStatus.DEPLOYED, OutcomeStatus.UNVERIFIED)
    )


def _without(plan: Plan, resources: frozenset[str]) -> Plan:
    left = tuple(change for change in plan.changes if change.resource.id not in resources)
    return plan if len(left) == len(plan.changes) else plan.model_copy(update={"changes": left})


def _proposed(
    store: Store, known: Handover, certificate: Certificate, plan: Plan, wish: PlanRequest, by: str
) -> Handover:
    """A saved plan; the same one again is found instead of being saved twice."""
    for saved in store.plans.list():
        if (saved.origin, saved.digest) == ("proposed", plan.digest):
            return known.model_copy(update={"plan": saved})
    name = f"renew {certificate.name}"
    made = save(store, plan, wish, name=name, origin="proposed", by=by)
    return known.model_copy(update={"plan": made, "is_new": True})
