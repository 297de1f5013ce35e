"""One attempt at one change, against a practice cloud: what is bound, refused and recorded."""

import pytest
from sqlmodel import delete
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from domain.cause import Cause
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus
from operations.deployment.outcome import FailedChange
from storage.tables.core import ResourceRow
from tests.activities.attempts import NAME, Attempt, attempt, order
from tests.storage.examples import CAUSE
from tests.support.house import ACCOUNT, SERVICE

__all__ = ["attempt"]

STATUS = OutcomeStatus


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


def test_a_certificate_that_could_not_be_installed_before_is_installed_now(
    attempt: Attempt,
) -> None:
    attempt.deploy()
    assert attempt.house.served(NAME) == attempt.new.fingerprint
    assert attempt.house.cloud.certificates(fingerprint=attempt.new.fingerprint)


def test_a_certificate_that_its_store_refuses_cannot_be_bound(attempt: Attempt) -> None:
    attempt.house.cloud.fault("error", "UploadUserCertificate", code="Forbidden.RAM", status=403)
    failure = attempt.refused()
    assert (failure.type, failure.non_retryable) == ("Forbidden.RAM", True)
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
