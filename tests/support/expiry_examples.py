"""Example resources with bindings, and tasks that deployed them, for tests of expiry."""

from datetime import datetime, timedelta

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm, PrivateKey
from domain.certificates.renewal import RenewalSettings
from domain.plans.plan import Change, Plan
from domain.resources.resource import Binding, DiscoveredResource, Resource
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from tests.support.stored_examples import NOW, build_certificate, build_task_record

KEY = PrivateKey(b"no key")
SOON, LATE = NOW + timedelta(days=10), NOW + timedelta(days=80)
FP = {letter: letter * 64 for letter in "abcdef"}


def build_resource(number: int, account: str = "main", service: str = "alibaba.cdn") -> Resource:
    domain = f"host{number}.example.com"
    return Resource(account=account, service=service, key=domain, domains=(domain,))


def store_binding(
    store: Store, resource: Resource, binding: Binding | None, at: datetime = NOW
) -> None:
    """Store what a listing of the resource reports."""
    store.inventory.upsert(
        [DiscoveredResource(resource=resource, binding=binding, binding_known=True)], at
    )


def store_certificate(
    store: Store, fingerprint: str, until: datetime, replaces: str | None = None
) -> str:
    """Store a certificate in the vault, and return its name."""
    made: Certificate = build_certificate(f"our-{fingerprint[0]}", fingerprint)
    made = made.model_copy(update={"not_after": until, "algorithm": Algorithm.EC})
    store.certificates.add(made, KEY, RenewalSettings(replaces=replaces))
    return made.name


def deploy(
    store: Store, resource: Resource, fingerprint: str, at: datetime, *then: OutcomeStatus
) -> str:
    """A task that deployed it there, and what became of it then; the task's id."""
    change = Change(
        resource=resource, before=None, after=Binding(fingerprint=fingerprint), store="s"
    )
    plan = Plan(certificates=(fingerprint,), changes=(change,))
    task_id = f"task-{len(store.tasks.list())}"
    store.tasks.create(build_task_record(plan, task_id, name=task_id), plan)
    outcomes = store.tasks.outcomes
    for status in (OutcomeStatus.DEPLOYING, *then):
        if status in (OutcomeStatus.DEPLOYING, OutcomeStatus.ROLLING_BACK):
            outcomes.begin_attempt(task_id, 0, status, at)
        else:
            outcomes.end_attempt(task_id, 0, status, at, None)
    return task_id
