"""Statuses: their transitions, and the status of a task, on random paths."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tasks.status import (
    CLOUD_OUTCOME_STATUS,
    CLOUD_TASK_STATUS,
    OUTCOME_TRANSITIONS,
    TASK_TRANSITIONS,
    OutcomeStatus,
    Phase,
    Tally,
    TaskStatus,
    compute_task_status,
    may_become,
)

DOCS = Path(__file__).parents[3] / "docs" / "statuses.md"
Of, T = OutcomeStatus, TaskStatus
S = TypeVar("S", TaskStatus, OutcomeStatus)
counts = st.integers(0, 3)
tallies = st.builds(Tally, **{status.value: counts for status in OutcomeStatus})
# The statuses of a job and of its workers in the cloud's own API.
CLOUD_STATUSES = {
    "editing",
    "pending",
    "scheduling",
    "processing",
    "success",
    "error",
    "rollback",
    "rollback_success",
    "rollback_error",
}


def tally(outcomes: list[OutcomeStatus]) -> Tally:
    return Tally(**{status.value: outcomes.count(status) for status in OutcomeStatus})


class SimulatedTask:
    """A task as its workflow moves it; it checks that each status may follow the one before."""

    def __init__(self, changes: int) -> None:
        self.outcomes = [Of.PENDING] * changes
        self.applied = [False] * changes
        self.cancelled = False
        self.status = compute_task_status(Phase.DRAFT, self.tally)
        self.enter(Phase.WAITING)

    @property
    def tally(self) -> Tally:
        return tally(self.outcomes)

    def enter(self, phase: Phase) -> None:
        status = compute_task_status(phase, self.tally, cancelled=self.cancelled)
        assert status is self.status or status in TASK_TRANSITIONS[self.status], (
            self.status,
            status,
        )
        self.status = status

    def move(self, index: int, *path: OutcomeStatus) -> None:
        for status in path:
            assert may_become(self.outcomes[index], status)
            self.outcomes[index] = status


def deploy(task: SimulatedTask, data: st.DataObject) -> None:
    """Give each change a random end."""
    for index in range(len(task.outcomes)):
        end = data.draw(st.sampled_from(["skipped", "not installed", "failed", "deployed"]))
        if end == "skipped":
            task.cancelled = True
            task.move(index, Of.SKIPPED)
        elif end == "not installed":
            task.move(index, Of.FAILED)
        else:
            task.move(index, Of.DEPLOYING, Of.DEPLOYING, OutcomeStatus(end))
            task.applied[index] = end == "deployed" or data.draw(st.booleans(), "applied")


def roll_back(task: SimulatedTask, data: st.DataObject) -> None:
    """Roll back some of what was applied, with or without success."""
    for index, status in enumerate(task.outcomes):
        can_roll_back = task.applied[index] and Of.ROLLING_BACK in OUTCOME_TRANSITIONS[status]
        if can_roll_back and data.draw(st.booleans(), "chosen"):
            end = data.draw(st.sampled_from([Of.ROLLED_BACK, Of.ROLLBACK_FAILED]))
            task.move(index, Of.ROLLING_BACK, end)


@given(st.data(), st.integers(1, 6))
def test_each_status_is_a_legal_successor_on_every_path(data: st.DataObject, size: int) -> None:
    task = SimulatedTask(size)
    task.enter(Phase.DEPLOYING)
    deploy(task, data)
    task.enter(Phase.SETTLED)
    for _ in range(data.draw(st.integers(0, 3), "rollbacks")):
        task.enter(Phase.ROLLING_BACK)
        roll_back(task, data)
        task.enter(Phase.SETTLED)
        if {Of.ROLLED_BACK, Of.ROLLBACK_FAILED} & set(task.outcomes):
            assert task.status in (T.ROLLED_BACK, T.PARTIALLY_ROLLED_BACK)


@pytest.mark.parametrize(("cancelled", "expected"), [(True, T.CANCELLED), (False, T.FAILED)])
def test_a_task_that_ends_while_it_waits_was_cancelled_or_has_failed(
    cancelled: bool, expected: TaskStatus
) -> None:
    task = SimulatedTask(2)
    task.cancelled = cancelled
    for index in range(2):
        task.move(index, Of.SKIPPED)
    task.enter(Phase.SETTLED)
    assert task.status is expected


@given(st.sampled_from(Phase), tallies, st.booleans())
def test_every_task_has_a_status_and_always_the_same(
    phase: Phase, outcomes: Tally, cancelled: bool
) -> None:
    before = outcomes.model_dump()
    status = compute_task_status(phase, outcomes, cancelled=cancelled)
    assert isinstance(status, TaskStatus)
    assert compute_task_status(phase, outcomes, cancelled=cancelled) is status
    assert outcomes.model_dump() == before


@given(tallies, st.booleans())
def test_success_means_that_every_resource_was_deployed(outcomes: Tally, cancelled: bool) -> None:
    if compute_task_status(Phase.SETTLED, outcomes, cancelled=cancelled) is T.SUCCEEDED:
        assert outcomes.deployed
        assert outcomes == Tally(
            deployed=outcomes.deployed,
            pending=outcomes.pending,
            deploying=outcomes.deploying,
            rolling_back=outcomes.rolling_back,
        )


@pytest.mark.parametrize(
    ("outcomes", "cancelled", "expected"),
    [
        (Tally(deployed=2), False, T.SUCCEEDED),
        (Tally(deployed=1, failed=1), False, T.PARTIALLY_FAILED),
        (Tally(deployed=1, skipped=1), False, T.PARTIALLY_FAILED),
        (Tally(failed=2), False, T.FAILED),
        (Tally(), False, T.FAILED),
        (Tally(deployed=1, skipped=1), True, T.CANCELLED),
        (Tally(rolled_back=1, failed=1), False, T.ROLLED_BACK),
        (Tally(rolled_back=1, deployed=1), False, T.PARTIALLY_ROLLED_BACK),
        (Tally(rollback_failed=1), True, T.PARTIALLY_ROLLED_BACK),
        (Tally(rolled_back=2), True, T.ROLLED_BACK),
    ],
)
def test_the_status_of_a_settled_task(
    outcomes: Tally, cancelled: bool, expected: TaskStatus
) -> None:
    assert compute_task_status(Phase.SETTLED, outcomes, cancelled=cancelled) is expected


def test_every_status_has_transitions_and_a_status_of_the_cloud() -> None:
    assert set(TASK_TRANSITIONS) == set(CLOUD_TASK_STATUS) == set(TaskStatus)
    assert set(OUTCOME_TRANSITIONS) == set(CLOUD_OUTCOME_STATUS) == set(OutcomeStatus)
    assert {*CLOUD_TASK_STATUS.values(), *CLOUD_OUTCOME_STATUS.values()} <= CLOUD_STATUSES


def test_no_status_is_its_own_successor_but_an_outcome_may_keep_it() -> None:
    assert all(status not in after for status, after in OUTCOME_TRANSITIONS.items())
    assert all(status not in after for status, after in TASK_TRANSITIONS.items())
    assert all(may_become(status, status) for status in OutcomeStatus)
    assert not may_become(Of.SKIPPED, Of.DEPLOYING)
    assert not may_become(Of.ROLLED_BACK, Of.ROLLING_BACK)


def list_reachable(start: S, table: Mapping[S, frozenset[S]]) -> set[S]:
    found, left = {start}, [start]
    while left:
        fresh = table[left.pop()] - found
        found |= fresh
        left += fresh
    return found


def test_every_status_can_be_reached() -> None:
    assert list_reachable(T.DRAFT, TASK_TRANSITIONS) == set(TaskStatus)
    assert list_reachable(Of.PENDING, OUTCOME_TRANSITIONS) == set(OutcomeStatus)


def test_the_documentation_lists_the_cloud_status_of_each_status() -> None:
    tasks, outcomes = DOCS.read_text().split("## Outcomes")
    for status, word in CLOUD_TASK_STATUS.items():
        assert f"| `{status}` | `{word}` |" in tasks
    for each, word in CLOUD_OUTCOME_STATUS.items():
        assert f"| `{each}` | `{word}` |" in outcomes


@given(tallies)
def test_a_tally_counts_every_outcome_once(outcomes: Tally) -> None:
    assert outcomes.total == sum(outcomes.model_dump().values())
