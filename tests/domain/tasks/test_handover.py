"""What came of handing a successor over: when it is done, and when a person has to act."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.certificates.renewal import Mode
from domain.plans.plan import Refusal
from domain.tasks.handover import STOPPED, Handover
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus

REFUSED = (Refusal(subject="main/alibaba.cdn/a.example.com", rule="state", reason="offline"),)
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


def test_only_an_automatic_renewal_can_leave_something_to_a_person() -> None:
    for mode in Mode:
        automatic = mode is Mode.AUTOMATIC
        assert Handover(mode=mode, refusals=REFUSED).needs_someone is automatic
        assert Handover(mode=mode, lost=("a.example.com",)).needs_someone is automatic
        assert Handover(mode=mode, served=3).needs_someone is False


@pytest.mark.parametrize("status", TaskStatus)
def test_a_task_that_someone_stopped_is_theirs(status: TaskStatus) -> None:
    told = Handover(mode=Mode.AUTOMATIC, lost=("a.example.com",), task=task(status))
    assert told.needs_someone is (status in STOPPED)


def test_nothing_is_planned_by_hand_or_for_a_reason() -> None:
    assert Handover(mode=Mode.MANUAL).is_done
    assert not Handover(mode=Mode.PROPOSE).is_done
    assert Handover(mode=Mode.PROPOSE).because("nothing follows").is_done
