"""Example plans, tasks and certificates, for tests that store them."""

from datetime import UTC, datetime, timedelta

from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.plans.plan import Change, Plan
from domain.resources.account import Account
from domain.resources.connector import ChangeWarning
from domain.resources.resource import Binding, CertificateRef, Resource
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from storage.inventory import inventory
from storage.store import Store

NOW = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
NEW, OLD = "ab" * 32, "cd" * 32
CAUSE = Cause(code="NotServed", message="still the former", advice="Look.", request_id="R-1")


def build_account(name: str = "main") -> Account:
    return Account(name=name, provider="alibaba", settings={"site": "cn"}, created_at=NOW)


def build_resource(number: int = 0, account: str = "main") -> Resource:
    domain = f"host{number}.example.com"
    return Resource(account=account, service="alibaba.cdn", key=domain, domains=(domain,))


def build_change(number: int = 0, cost: int = 1, account: str = "main") -> Change:
    before = Binding(
        fingerprint=OLD,
        ref=CertificateRef(store="alibaba.cas/cn", fields={"cert_id": str(number)}),
        not_after=NOW + timedelta(days=5, hours=number % 24),
    )
    return Change(
        resource=build_resource(number, account),
        before=before if number % 3 else None,
        after=Binding(fingerprint=NEW, name="new", not_after=NOW + timedelta(days=90)),
        store="alibaba.cas/cn",
        cost=cost,
        warnings=(ChangeWarning(code="shared", text="served by another task"),)
        if number % 2
        else (),
    )


def build_plan(size: int = 3, cost: int = 1, account: str = "main") -> Plan:
    changes = tuple(build_change(number, cost, account) for number in range(size))
    return Plan(certificates=(NEW,), changes=changes, unchanged=("main/alibaba.cdn/same",))


def build_task_record(plan: Plan, task_id: str = "task-1", name: str = "November") -> TaskRecord:
    return TaskRecord(
        id=task_id,
        name=name,
        status=TaskStatus.SCHEDULED,
        digest=plan.digest,
        certificates=plan.certificates,
        contacts=("ops",),
        at=NOW,
        rollback_until=NOW + timedelta(days=30),
        cost=plan.cost,
        created_at=NOW,
        created_by="root@host",
    )


def create_task(store: Store, task_id: str = "task-1", size: int = 3, cost: int = 1) -> Plan:
    """A task of its own name with `size` changes."""
    made = build_plan(size, cost)
    store.tasks.create(build_task_record(made, task_id, name=f"name of {task_id}"), made)
    return made


def build_certificate(name: str = "shop", fingerprint: str = NEW) -> Certificate:
    return Certificate(
        fingerprint=fingerprint,
        sha1="ef" * 20,
        name=name,
        names=("www.example.com",),
        algorithm=Algorithm.EC,
        key_bits=256,
        serial="1f",
        issuer="CN=Issuer",
        subject="CN=www.example.com",
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=90),
        chain_pem="-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
    )


def mark_vanished(store: Store, account: str, service: str, since: datetime) -> int:
    """Marks the resources that no listing has shown since then as vanished; returns how many."""
    with store.database.write() as session:
        return inventory.mark_vanished(session, account, service, since)
