"""One attempt at one change, against a practice cloud: what is bound, refused and recorded."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import delete
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deployment import (
    Deployment,
    FailedChange,
    pause,
    refuse_expired,
    refuse_irreversible,
)
from activities.heartbeats import Heart
from domain.errors import Permanent, Transient
from domain.plan import Plan
from domain.record import OutcomeRecord, TaskRecord
from domain.status import OutcomeStatus, TaskStatus
from domain.task import Cause, ChangeOrder, Direction, Installation
from storage.tables import ResourceRow
from tests.house import ACCOUNT, SERVICE, House
from tests.storage.examples import CAUSE, NOW, certificate, change

NAME = "a.example.com"
STATUS = OutcomeStatus


def order(direction: Direction = Direction.DEPLOY) -> ChangeOrder:
    return ChangeOrder(
        task_id="t1",
        ordinal=0,
        direction=direction,
        label=NAME,
        account=ACCOUNT,
        service=SERVICE,
    )


class Attempt:
    """A task of one change, and the steps that make it."""

    def __init__(self, house: House) -> None:
        self.house, self.heart = house, Heart()
        self.steps = Deployment(house.store, house.clouds, self.heart)
        house.domains(NAME)
        self.new = house.upload("new", NAME)
        self.create(house.plan(self.new))

    def create(self, plan: Plan) -> None:
        now = datetime.now(UTC)
        record = TaskRecord(
            id="t1",
            name="t1",
            status=TaskStatus.RUNNING,
            digest=plan.digest,
            certificates=plan.certificates,
            at=now,
            rollback_until=now + timedelta(days=1),
            cost=plan.cost,
            created_at=now,
            created_by="tester",
        )
        self.house.store.tasks.create(record, plan)
        self.store = plan.changes[0].store

    def install(self) -> None:
        wanted = Installation(
            task_id="t1",
            fingerprint=self.new.fingerprint,
            account=ACCOUNT,
            store=self.store,
            ordinal=0,
            label="new",
        )
        ActivityEnvironment().run(self.steps.install, wanted)

    def deploy(self, direction: Direction = Direction.DEPLOY) -> None:
        ActivityEnvironment().run(self.steps.deploy, order(direction))

    def refused(self, direction: Direction = Direction.DEPLOY) -> ApplicationError:
        """The failure of an attempt that must not succeed."""
        with pytest.raises(ApplicationError) as caught:
            self.deploy(direction)
        return caught.value

    @property
    def outcome(self) -> OutcomeRecord:
        return self.house.store.tasks.outcomes.get("t1", 0)


@pytest.fixture
def attempt(house: House) -> Iterator[Attempt]:
    attempt = Attempt(house)
    yield attempt
    attempt.heart.stop()


def test_a_change_is_made_proved_and_taken_back(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    assert attempt.house.served(NAME) == attempt.new.fingerprint
    assert (attempt.outcome.status, attempt.outcome.applied) == (STATUS.DEPLOYED, True)
    attempt.deploy(Direction.ROLL_BACK)
    assert attempt.house.served(NAME) == attempt.house.former[NAME]
    assert attempt.outcome.status is STATUS.ROLLED_BACK


def test_a_plan_made_right_after_a_deployment_knows_what_is_served_now(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    again = attempt.house.plan(attempt.new)
    assert (again.changes, again.unchanged) == ((), (f"{ACCOUNT}/{SERVICE}/{NAME}",))
    newer = attempt.house.upload("newer", NAME)
    (change,) = attempt.house.plan(newer).changes
    assert change.before is not None
    assert change.before.fingerprint == attempt.new.fingerprint
    attempt.deploy(Direction.ROLL_BACK)
    (change,) = attempt.house.plan(attempt.new).changes
    assert change.before is not None
    assert change.before.fingerprint == attempt.house.former[NAME]


def test_a_plan_made_right_after_a_failure_asks_the_service_what_it_serves(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.house.cloud.fault("unserved")
    failure = attempt.refused()
    cause = Cause(code=str(failure.type), message=failure.message)
    failed = FailedChange(order=order(), cause=cause)
    ActivityEnvironment().run(attempt.steps.record_failure, failed)
    assert attempt.house.plan(attempt.new).changes == ()


def test_a_resource_that_the_inventory_lost_is_deployed_to_all_the_same(attempt: Attempt) -> None:
    attempt.install()
    with attempt.house.store.database.write() as session:
        session.exec(delete(ResourceRow))
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED


def test_installing_twice_uploads_once(attempt: Attempt) -> None:
    attempt.install()
    attempt.install()
    held = attempt.house.cloud.certificates(fingerprint=attempt.new.fingerprint)
    assert len(held) == 1


def test_a_certificate_that_is_not_installed_cannot_be_bound(attempt: Attempt) -> None:
    failure = attempt.refused()
    assert (failure.type, failure.non_retryable) == ("NotInstalled", True)
    assert not attempt.outcome.applied
    assert attempt.house.served(NAME) == attempt.house.former[NAME]


def test_what_someone_else_has_changed_is_left_alone(attempt: Attempt) -> None:
    attempt.install()
    theirs = attempt.house.ca.leaf([NAME])
    attempt.house.rebind(NAME, theirs)
    failure = attempt.refused()
    assert (failure.type, failure.non_retryable) == ("Drifted", True)
    assert not attempt.outcome.applied
    assert attempt.house.served(NAME) == theirs.fingerprint


def test_a_clear_refusal_of_the_first_call_leaves_nothing_to_undo(attempt: Attempt) -> None:
    attempt.install()
    attempt.house.cloud.fault(
        "error", "SetCdnDomainSSLCertificate", code="Forbidden.RAM", status=403
    )
    failure = attempt.refused()
    assert (failure.type, failure.non_retryable) == ("Forbidden.RAM", True)
    assert not attempt.outcome.applied


def test_a_refusal_after_a_call_whose_end_is_unknown_may_have_something_to_undo(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.house.cloud.fault("5xx", "SetCdnDomainSSLCertificate", count=1, status=503)
    assert not attempt.refused().non_retryable
    assert attempt.outcome.applied
    attempt.house.cloud.fault(
        "error", "SetCdnDomainSSLCertificate", code="Forbidden.RAM", status=403
    )
    assert attempt.refused().non_retryable
    assert attempt.outcome.applied
    assert attempt.outcome.attempts == 2


def test_a_change_that_is_accepted_but_not_served_fails_and_can_be_taken_back(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.house.cloud.fault("unserved")
    failure = attempt.refused()
    assert failure.type == "NotServed"
    assert attempt.outcome.applied


def test_a_change_that_ended_is_not_begun_again(attempt: Attempt) -> None:
    failed = FailedChange(order=order(), cause=CAUSE)
    ActivityEnvironment().run(attempt.steps.record_failure, failed)
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.FAILED, CAUSE)
    failure = attempt.refused()
    assert failure.type == "ValueError"
    assert attempt.outcome.attempts == 0


def test_a_failure_of_what_was_never_begun_backwards_is_refused(attempt: Attempt) -> None:
    failed = FailedChange(order=order(Direction.ROLL_BACK), cause=CAUSE)
    with pytest.raises(ApplicationError, match="ValueError"):
        ActivityEnvironment().run(attempt.steps.record_failure, failed)
    assert attempt.outcome.status is STATUS.PENDING


@pytest.mark.parametrize("days", [-2, 91])
def test_a_certificate_out_of_its_time_is_not_deployed(days: int) -> None:
    with pytest.raises(Permanent, match="valid only from") as caught:
        refuse_expired(certificate(), NOW + timedelta(days=days))
    assert caught.value.code == "NotValidNow"


def test_a_certificate_is_valid_from_its_first_moment_to_just_before_its_last() -> None:
    ours = certificate()
    refuse_expired(ours, ours.not_before)
    refuse_expired(ours, ours.not_after - timedelta(microseconds=1))
    with pytest.raises(Permanent):
        refuse_expired(ours, ours.not_after)


def test_a_way_back_that_the_plan_ruled_out_is_refused_with_its_reason() -> None:
    refuse_irreversible(change())
    with pytest.raises(Permanent, match="nobody kept it") as caught:
        refuse_irreversible(change().model_copy(update={"not_reversible": "nobody kept it"}))
    assert caught.value.code == "NotReversible"


def test_a_pause_waits_inside_a_step_and_nowhere_else() -> None:
    began = time.monotonic()
    pause(60)
    ActivityEnvironment().run(pause, 0.05)
    assert 0.05 <= time.monotonic() - began < 10


def test_a_worker_that_shuts_down_hands_the_step_on_at_once() -> None:
    environment = ActivityEnvironment()
    environment.worker_shutdown()
    with pytest.raises(Transient) as caught:
        environment.run(pause, 60)
    assert caught.value.code == "WorkerShutdown"
