"""Stores examples in the home of a command line: certificates, an account, resources, a task."""

from datetime import UTC, datetime, timedelta

from domain.cause import Cause
from domain.certificates.certificate import Certificate, parse_pem
from domain.plans.plan import Change, Plan, build_binding
from domain.resources.account import Account
from domain.resources.resource import Binding, DiscoveredResource, Resource
from domain.tasks.audit import TaskEventCode
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from tests.support.command_line import CommandLine
from tests.support.factory import CA

AUTHORITY = CA()
SECRET = "the-secret-of-the-account"


def store_certificate(certroll: CommandLine, name: str = "main") -> Certificate:
    """A certificate for *.example.com."""
    now = datetime.now(UTC)
    leaf = AUTHORITY.leaf(["*.example.com"])
    certificate, key = parse_pem(name, certificate=leaf.pem, key=leaf.key_pem, now=now)
    with certroll.store() as store:
        store.certificates.add(certificate, key)
    return certificate


def store_account(certroll: CommandLine, name: str = "main") -> None:
    """An account at an address where nothing listens."""
    settings = {"access_key_id": "LTAItest", "endpoint": "http://127.0.0.1:1"}
    with certroll.store() as store:
        account = Account(
            name=name, provider="alibaba", settings=settings, created_at=datetime.now(UTC)
        )
        store.accounts.add(account, {"access_key_secret": SECRET})


def build_resource(key: str, service: str = "alibaba.cdn") -> Resource:
    """An online domain of the account."""
    return Resource(
        account="main", service=service, key=key, domains=(key,), detail={"domain": key}
    )


def store_resources(certroll: CommandLine) -> None:
    """Three domains: one that expires soon, one without HTTPS, one that was not read yet."""
    soon = Binding(
        fingerprint="ab" * 32, name="old", not_after=datetime(2027, 1, 1, 12, tzinfo=UTC)
    )
    found = [
        DiscoveredResource(
            resource=build_resource("soon.example.com"), binding=soon, binding_known=True
        ),
        DiscoveredResource(resource=build_resource("off.example.com"), binding_known=True),
        DiscoveredResource(resource=build_resource("new.example.com"), tags={"env": "prod"}),
    ]
    with certroll.store() as store:
        store.inventory.upsert(found, datetime.now(UTC))


def store_task(certroll: CommandLine, name: str = "autumn") -> TaskRecord:
    """A task of two services that has ended: one deployed, one failed after three attempts."""
    certificate, now = store_certificate(certroll), datetime.now(UTC)
    places = [build_resource("a.example.com"), build_resource("b.example.com", "alibaba.dcdn")]
    changes = tuple(
        Change(
            resource=place, before=None, after=build_binding(certificate), store="alibaba.cas/cn"
        )
        for place in places
    )
    plan = Plan(certificates=(certificate.fingerprint,), changes=changes)
    record = TaskRecord(
        id="20261124-1a2b3c",
        name=name,
        status=TaskStatus.SCHEDULED,
        digest=plan.digest,
        certificates=plan.certificates,
        at=now,
        rollback_until=now + timedelta(days=30),
        cost=0,
        created_at=now,
        created_by="tester",
        tally=Tally(pending=2),
    )
    with certroll.store() as store:
        store.tasks.create(record, plan)
        store.tasks.add_event(record.id, TaskEventCode.CREATED, "tester", "for the test", now)
        store.tasks.set_status(record.id, TaskStatus.RUNNING, now)
        outcomes = store.tasks.outcomes
        for ordinal, attempts in enumerate((1, 3)):
            for _ in range(attempts):
                outcomes.begin_attempt(record.id, ordinal, OutcomeStatus.DEPLOYING, now)
        cause = Cause(code="IllegalOperation", message="the domain is locked", advice="Unlock it.")
        outcomes.end_attempt(record.id, 0, OutcomeStatus.DEPLOYED, now, None)
        outcomes.end_attempt(record.id, 1, OutcomeStatus.FAILED, now, cause)
        store.tasks.set_status(record.id, TaskStatus.PARTIALLY_FAILED, now)
        return store.tasks.get(record.id)
