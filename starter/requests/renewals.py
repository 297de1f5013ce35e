"""Renews certificates: deploys a successor to the resources that serve its predecessor.

Called by the CLI after an upload and by hooks of ACME clients.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from domain.certificates.certificate import Certificate
from domain.certificates.renewal import RenewalMode, RenewalPolicy
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.tasks.handover import STOPPED_BY_PERSON, RenewalResult
from domain.tasks.record import TaskRecord
from domain.tasks.spec import TaskSpec
from domain.tasks.status import OutcomeStatus, TaskStatus
from operations.planning.planner import make_plan
from operations.runtime.connector_pool import ConnectorPool
from starter.requests.certificates import build_handover
from starter.requests.plans import save
from starter.requests.tasks import create
from starter.temporal.client import connect, count_workers
from storage.settings import Settings
from storage.store import Store

_WAITS_OR_RUNS = (TaskStatus.SCHEDULED, TaskStatus.RUNNING)


async def renew(
    store: Store, settings: Settings, certificate: Certificate, by: str
) -> RenewalResult:
    """Does what the certificate's renewal policy says, once: repeating the call is safe.

    Errors of `tasks.create` and `client.connect` pass through; nothing is created then, and the
    next call creates it.
    """
    handover = build_handover(store, certificate)
    if handover.is_done:
        return handover
    is_automatic = handover.mode is RenewalMode.AUTOMATIC
    earlier = _list_renewal_tasks(store, certificate) if is_automatic else []
    if earlier and earlier[-1].status in (*_WAITS_OR_RUNS, *STOPPED_BY_PERSON):
        return _with_task(handover, earlier[-1])
    policy = store.certificates.get_renewal(certificate.fingerprint).policy
    plan_request = _build_plan_request(certificate, handover, policy)
    plan = await asyncio.to_thread(
        make_plan, store, ConnectorPool(store), plan_request, now=datetime.now(UTC)
    )
    plan = _without_resources(plan, await asyncio.to_thread(_list_deployed, store, earlier))
    handover = _with_plan(handover, plan)
    if not plan.changes:
        if earlier:
            return _with_task(handover, earlier[-1])
        return _with_no_changes(handover)
    if handover.mode is RenewalMode.PROPOSE or handover.names_lost:
        return _propose(store, handover, certificate, plan, plan_request, by)
    client = await connect(settings)
    spec = TaskSpec(
        name=_build_task_name(f"renew {certificate.name}", len(earlier)),
        plan=plan,
        contacts=policy.contacts,
        at=datetime.now(UTC),
        created_by=by,
        rollback_days=policy.rollback_days,
    )
    task = await create(store, client, spec)
    no_worker = not await count_workers(client)
    return handover.model_copy(update={"task": task, "is_new": True, "no_worker": no_worker})


def _build_plan_request(
    certificate: Certificate, handover: RenewalResult, policy: RenewalPolicy
) -> PlanRequest:
    return PlanRequest(
        certificates=(certificate.fingerprint,),
        accounts=policy.accounts,
        services=policy.services,
        serving=handover.predecessors,
        all_matched=True,
    )


def _with_plan(handover: RenewalResult, plan: Plan) -> RenewalResult:
    lost = [name for change in plan.changes for name in change.names_lost]
    return handover.model_copy(
        update={
            "names_lost": tuple(dict.fromkeys([*handover.names_lost, *lost])),
            "changes": len(plan.changes),
            "refusals": plan.refusals,
        }
    )


def _with_no_changes(handover: RenewalResult) -> RenewalResult:
    if handover.refusals:
        return handover.with_reason("all-refused", "no resource would be changed")
    text = "no resource serves what it replaces, as far as the inventory knows"
    return handover.with_reason("not-served", text)


def _with_task(handover: RenewalResult, task: TaskRecord) -> RenewalResult:
    """The renewal with the task that was created before."""
    found = handover.model_copy(update={"task": task, "changes": task.tally.total})
    if task.status in STOPPED_BY_PERSON:
        text = "its task was stopped or rolled back: certroll does not start another by itself"
        return found.with_reason("stopped-by-person", text)
    if task.status in _WAITS_OR_RUNS:
        return found
    return found.with_reason("task-ended", "its task has ended, and nothing is left to change")


def _list_renewal_tasks(store: Store, certificate: Certificate) -> list[TaskRecord]:
    """The renewal tasks of a certificate, oldest first, without those that Temporal refused."""
    tasks = [
        store.tasks.get(each) for each in store.certificates.list_task_ids(certificate.fingerprint)
    ]
    names = {_build_task_name(f"renew {certificate.name}", number) for number in range(len(tasks))}
    return [
        task
        for task in tasks
        if task.name in names and not (task.deleted_at and task.status is TaskStatus.SCHEDULED)
    ]


def _build_task_name(name: str, before: int) -> str:
    return f"{name} ({before + 1})" if before else name


def _list_deployed(store: Store, tasks: Sequence[TaskRecord]) -> frozenset[str]:
    """Ids of the resources that serve it now; the inventory learns of them at its next sync."""
    return frozenset(
        outcome.change.resource.id
        for task in tasks
        for outcome in store.tasks.outcomes.list(task.id)
        if outcome.status in (OutcomeStatus.DEPLOYED, OutcomeStatus.UNVERIFIED)
    )


def _without_resources(plan: Plan, resources: frozenset[str]) -> Plan:
    left = tuple(change for change in plan.changes if change.resource.id not in resources)
    return plan if len(left) == len(plan.changes) else plan.model_copy(update={"changes": left})


def _propose(
    store: Store,
    handover: RenewalResult,
    certificate: Certificate,
    plan: Plan,
    plan_request: PlanRequest,
    by: str,
) -> RenewalResult:
    """The renewal with its proposed plan, which is saved once."""
    for saved in store.plans.list():
        if (saved.origin, saved.digest) == ("proposed", plan.digest):
            return handover.model_copy(update={"plan": saved})
    name = f"renew {certificate.name}"
    saved = save(store, plan, plan_request, name=name, origin="proposed", by=by)
    return handover.model_copy(update={"plan": saved, "is_new": True})
