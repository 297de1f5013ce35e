"""When the renewal of a certificate is done, and when a person has to act."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.certificates.renewal import RenewalMode
from domain.plans.refusal import Refusal, RefusalCode
from domain.tasks.handover import STOPPED_BY_PERSON, RenewalResult
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus

REFUSED = (
    Refusal(subject="main/alibaba.cdn/a.example.com", code=RefusalCode.STATE, reason="offline"),
)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def task(status: TaskStatus) -> TaskRecord:
    return TaskRecord(
        id="20261124-1a2b3c",
        name="renew shop",
        status=status,
        digest="ab" * 32,
        certificates=("cd" * 32,),
        at=NOW,
        rollback_until=NOW + timedelta(days=30),
        cost=1,
        created_at=NOW,
        created_by="tester",
    )


def test_only_an_automatic_renewal_needs_an_operator() -> None:
    for mode in RenewalMode:
        automatic = mode is RenewalMode.AUTOMATIC
        assert RenewalResult(mode=mode, refusals=REFUSED).needs_operator is automatic
        assert RenewalResult(mode=mode, names_lost=("a.example.com",)).needs_operator is automatic
        assert RenewalResult(mode=mode, resources_served=3).needs_operator is False


@pytest.mark.parametrize("status", TaskStatus)
def test_a_task_that_a_person_stopped_needs_an_operator(status: TaskStatus) -> None:
    renewal = RenewalResult(
        mode=RenewalMode.AUTOMATIC, names_lost=("a.example.com",), task=task(status)
    )
    assert renewal.needs_operator is (status in STOPPED_BY_PERSON)


def test_a_manual_renewal_and_one_with_a_reason_are_done() -> None:
    assert RenewalResult(mode=RenewalMode.MANUAL).is_done
    assert not RenewalResult(mode=RenewalMode.PROPOSE).is_done
    assert (
        RenewalResult(mode=RenewalMode.PROPOSE).with_reason("some-code", "nothing follows").is_done
    )
