"""What is not tried: certificates out of their time, and ways back that are none."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from domain.errors import Permanent
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus
from operations.deployment.guards import refuse_expired, refuse_expired_former, refuse_irreversible
from tests.activities.attempts import NAME, Attempt, attempt, order
from tests.storage.examples import NOW, certificate, change

__all__ = ["attempt"]


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


def test_a_way_back_to_what_has_expired_is_refused_from_its_last_moment_on() -> None:
    there = change(1)
    assert there.before is not None
    until = NOW + timedelta(days=3)
    former = there.model_copy(
        update={"before": there.before.model_copy(update={"not_after": until})}
    )
    refuse_expired_former(former, until - timedelta(microseconds=1))
    refuse_expired_former(there.model_copy(update={"before": None}), until)
    with pytest.raises(Permanent, match="expired on") as caught:
        refuse_expired_former(former, until)
    assert caught.value.code == "FormerExpired"
    assert "--force" in str(caught.value)


def test_an_expired_former_certificate_comes_back_only_by_force(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.house.expire_former("t1")
    assert attempt.refused(Direction.ROLL_BACK).type == "FormerExpired"
    house = attempt.house
    assert house.served(NAME) == attempt.new.fingerprint
    forced = order(Direction.ROLL_BACK).model_copy(update={"force": True})
    ActivityEnvironment().run(attempt.steps.deploy, forced)
    assert house.served(NAME) == house.former[NAME]
    assert attempt.outcome.status is OutcomeStatus.ROLLED_BACK
