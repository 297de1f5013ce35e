"""A task of thousands of changes: what is not fine is found at once, and the rest on demand."""

import pytest

from domain.cause import Cause
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.cli.task.show import show_end, show_task
from storage.store import Store
from tests.support.stored_examples import NOW, build_change, build_plan, build_task_record

S = OutcomeStatus


def outcome(number: int, status: OutcomeStatus, service: str = "alibaba.cdn") -> OutcomeRecord:
    made = build_change(number)
    place = made.resource.model_copy(update={"service": service})
    return OutcomeRecord(
        task_id="t",
        ordinal=number,
        change=made.model_copy(update={"resource": place}),
        status=status,
        cause=Cause(code="Locked", message="it is locked") if status is S.FAILED else None,
    )


def shown(
    capsys: pytest.CaptureFixture[str], outcomes: list[OutcomeRecord], *, show_all: bool = False
) -> list[str]:
    """Services and what is said of each, one block after the other."""
    show_task(build_task_record(build_plan()), ["new"], outcomes, [], show_all=show_all)
    return capsys.readouterr().out.split("\n\n")[1:]


def test_of_many_only_those_are_listed_that_are_not_fine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fine = [outcome(number, S.DEPLOYED) for number in range(10_000)]
    wrong = [outcome(10_000, S.FAILED), outcome(10_001, S.SKIPPED)]
    few = [outcome(number, S.DEPLOYED, "alibaba.oss") for number in range(3)]
    first, second, *_ = shown(capsys, [*fine, *wrong, *few])
    lines = first.splitlines()
    assert lines[0] == "alibaba.cdn: 10000 deployed, 1 failed, 1 skipped"
    assert "host10000.example.com" in lines[2]
    assert "Locked: it is locked" in lines[2]
    assert "host10001.example.com" in lines[3]
    assert lines[4] == "and 10000 more: --all lists them"
    assert second.count("deployed") == 1 + 3
    first, *_ = shown(capsys, [*fine, *wrong], show_all=True)
    assert len(first.splitlines()) == 2 + 10_002


def test_what_waits_is_counted_and_a_great_failure_is_not_listed_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, *_ = shown(capsys, [outcome(number, S.PENDING) for number in range(500)])
    assert first.splitlines() == ["alibaba.cdn: 500 pending", "and 500 more: --all lists them"]
    first, *_ = shown(capsys, [outcome(number, S.FAILED) for number in range(500)])
    assert len(first.splitlines()) <= 104
    assert "and 400 more: --all lists them" in first


def test_a_draft_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    draft = build_task_record(build_plan()).model_copy(update={"status": TaskStatus.DRAFT})
    show_task(draft, ["new"], [], [])
    assert "status          draft\n" in capsys.readouterr().out


def test_what_was_skipped_by_the_hundred_does_not_hide_what_failed(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    made = build_plan(100)
    store.tasks.create(build_task_record(made), made)
    cause = Cause(code="Locked", message="it is locked")
    store.tasks.outcomes.begin_attempt("task-1", 7, S.DEPLOYING, NOW)
    store.tasks.outcomes.end_attempt("task-1", 7, S.FAILED, NOW, cause)
    store.tasks.outcomes.skip("task-1", None, NOW, Cause(code="stopped", message="enough"))
    show_end(store, store.tasks.get("task-1"), as_json=False)
    _, failed, end = capsys.readouterr().out.splitlines()
    assert "host7.example.com  failed" in failed
    assert end == "November: scheduled (1 failed, 99 skipped)"
