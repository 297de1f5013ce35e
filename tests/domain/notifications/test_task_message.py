"""Messages about a task: its outcome, causes in groups, what was done, what to do next."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.notifications import events
from domain.notifications.events import EventClass
from domain.notifications.message import CauseGroup, Message
from domain.notifications.task_message import MAX_GROUPS_LISTED, TaskSituation, build_task_message
from domain.redaction import REDACTED
from domain.rollout.policy import RolloutPolicy, Size
from domain.tasks.audit import TaskEvent, TaskEventCode
from domain.tasks.retry import CANCELLED, TOO_MANY_FAILURES
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from tests.support.stored_examples import NOW, build_plan, build_task_record

S, C = OutcomeStatus, TaskEventCode


def situation(status: TaskStatus, *causes: CauseGroup, **more: Any) -> TaskSituation:
    tally = Tally(**{each: more.pop(each) for each in list(more) if each in Tally.model_fields})
    updates: dict[str, Any] = {"status": status, "tally": tally}
    if "rollout" in more:
        updates["rollout"] = more.pop("rollout")
    return TaskSituation(
        record=build_task_record(build_plan()).model_copy(update=updates), causes=causes, **more
    )


def group(code: str = "NotServed", count: int = 15, **more: Any) -> CauseGroup:
    examples = tuple(f"main/alibaba.cdn/{n}.example.com" for n in range(min(count, 3)))
    fields = {"status": S.FAILED, "message": "still the former", "advice": "Look.", **more}
    return CauseGroup(code=code, count=count, examples=examples, **fields)


def finished(task: TaskSituation, retries: int = 0) -> Message:
    return build_task_message(events.build_finished_event(retries), task, NOW)


def event(code: TaskEventCode, by: str, text: str) -> TaskEvent:
    return TaskEvent(task_id="task-1", at=NOW, code=code, by=by, text=text)


def test_a_success_shows_its_counts_and_how_to_roll_back() -> None:
    message = finished(situation(TaskStatus.SUCCEEDED, deployed=2))
    assert message.subject == "certroll: November succeeded"
    assert (message.outcomes, message.causes, message.at) == ({"deployed": 2}, (), NOW)
    assert message.commands == (
        "certroll task show task-1",
        "certroll task rollback task-1 --reason '...'",
    )
    for data in ("November (task-1)", "2 deployed", *message.commands):
        assert data in message.body
    assert not message.needs_operator


def test_three_hundred_resources_with_one_cause_are_one_entry() -> None:
    message = finished(
        situation(TaskStatus.PARTIALLY_FAILED, group(count=300), deployed=1, failed=300)
    )
    (cause,) = message.causes
    assert (cause.code, cause.count, len(cause.examples)) == ("NotServed", 300, 3)
    assert message.body.count("NotServed") == 1
    for data in ("300", *cause.examples, "297 more", "still the former", "Look."):
        assert data in message.body
    assert "certroll task retry task-1 --reason '...'" in message.commands


def test_a_task_that_needs_an_operator_says_so_in_its_subject() -> None:
    locked = group("LockedAccount", 2, needs_operator=True)
    message = finished(situation(TaskStatus.FAILED, locked, failed=2))
    usual = finished(situation(TaskStatus.FAILED, group("LockedAccount", 2), failed=2))
    assert message.needs_operator
    assert not usual.needs_operator
    assert message.subject.startswith(f"{usual.subject}, ")
    assert "LockedAccount: 2 resources failed, main/alibaba.cdn/0.example.com, " in message.body


def test_unverified_changes_are_counted_separately() -> None:
    task = situation(TaskStatus.SUCCEEDED, deployed=3).model_copy(update={"unverified": 2})
    message = finished(task)
    assert message.unverified == 2
    assert " 2 " in next(line for line in message.body.splitlines() if "not verified" in line)


def test_a_task_that_waits_at_a_gate_offers_to_proceed_and_to_stop() -> None:
    waiting = situation(
        TaskStatus.RUNNING,
        deployed=5,
        pending=95,
        rollout=RolloutPolicy(canary=Size(count=5), gate=True),
        waves=(Tally(deployed=5), Tally(pending=95)),
    )
    message = build_task_message(events.build_gate_event(0), waiting, NOW)
    assert "the canary (wave 1 of 2)" in message.subject
    assert (message.event, message.occasion) == ("needs_operator", "needs_operator-gate-0")
    assert (message.wave, message.waves, message.needs_operator) == (0, 2, True)
    assert message.commands == (
        "certroll task show task-1",
        "certroll task proceed task-1 --reason '...'",
        "certroll task stop task-1 --reason '...'",
    )


def test_a_task_that_stopped_itself_says_why_and_what_it_did() -> None:
    audit = (
        event(C.CREATED, "root@host", "plan 1a"),
        event(C.BUDGET_EXCEEDED, "certroll", "3 of 8 changes failed in the canary, none allowed"),
        event(C.NOTIFICATION_FAILED, "certroll", "contact gone"),
    )
    stopped = situation(
        TaskStatus.PARTIALLY_ROLLED_BACK,
        group(count=3, status=S.ROLLED_BACK),
        group(TOO_MANY_FAILURES, 92, status=S.SKIPPED),
        rolled_back=8,
        skipped=92,
        audit=audit,
    )
    message = finished(stopped)
    assert "stopped itself, partially rolled back" in message.subject
    assert message.needs_operator
    assert message.done == (f"budget-exceeded: {audit[1].text}", "rolled back: 3 resources")
    assert all(f"\n  {each}\n" in message.body for each in message.done)
    assert message.rollback is not None
    assert (message.rollback.automatic, message.rollback.reason) == (True, audit[1].text)
    assert "certroll task retry task-1 --reason '...'" in message.commands
    retried = (*audit, event(C.RETRY, "ada@host", "mended"))
    assert not finished(stopped.model_copy(update={"audit": retried}), 1).needs_operator


def test_cancelled_changes_are_not_offered_for_a_retry() -> None:
    cancelled = situation(TaskStatus.CANCELLED, group(CANCELLED, 9, status=S.SKIPPED))
    assert finished(cancelled).commands == ("certroll task show task-1",)


def test_a_rollback_names_who_requested_it_and_why() -> None:
    audit = (
        event(C.ROLLBACK, "certroll", "an earlier one"),
        event(C.ROLLBACK, "ada@host", "old clients fail"),
    )
    task = situation(TaskStatus.ROLLED_BACK, rolled_back=2, audit=audit)
    message = build_task_message(events.build_rolled_back_event(2), task, NOW)
    assert message.rollback is not None
    assert not message.rollback.automatic
    assert "ada@host: old clients fail\n" in message.body
    earlier = task.model_copy(update={"audit": audit[:1]})
    automatic = build_task_message(events.build_rolled_back_event(1), earlier, NOW)
    assert automatic.rollback is not None
    assert automatic.rollback.automatic
    assert automatic.subject != message.subject


def test_changes_that_are_retried_for_long_are_shown_with_their_last_cause() -> None:
    busy = group("Throttling", 4, status=S.DEPLOYING)
    task = situation(TaskStatus.RUNNING, deploying=4, pending=6, retrying=(busy,))
    message = build_task_message(events.build_retrying_event(), task, NOW)
    assert " 4 " in message.subject
    assert [(each.code, each.count) for each in message.causes] == [("Throttling", 4)]
    assert "Throttling: 4 resources deploying, e.g. " in message.body
    assert message.commands == ("certroll task show task-1",)


def test_the_json_of_a_message_is_public() -> None:
    """What is pinned here is literal on purpose: programs of others read it."""
    message = build_task_message(
        events.build_rolled_back_event(1),
        situation(
            TaskStatus.PARTIALLY_ROLLED_BACK,
            group(count=1, status=S.ROLLBACK_FAILED, needs_operator=True),
            rolled_back=1,
            rollback_failed=1,
            waves=(Tally(rolled_back=1, rollback_failed=1),),
            audit=(event(C.ROLLBACK, "certroll", "wave 1 failed"),),
        ),
        NOW,
    )
    public = json.loads(message.model_dump_json())
    assert public.pop("body").startswith("Task November (task-1): partially rolled back.\n")
    assert public == {
        "version": 1,
        "event": "rolled_back",
        "occasion": "rolled_back-1",
        "subject": "certroll: November partially rolled back, automatically",
        "at": "2026-11-24T12:30:15.123456Z",
        "needs_operator": True,
        "task_id": "task-1",
        "task": "November",
        "status": "partially_rolled_back",
        "wave": None,
        "waves": 1,
        "outcomes": {"rolled_back": 1, "rollback_failed": 1},
        "unverified": 0,
        "causes": [
            {
                "status": "rollback_failed",
                "code": "NotServed",
                "message": "still the former",
                "advice": "Look.",
                "needs_operator": True,
                "count": 1,
                "examples": ["main/alibaba.cdn/0.example.com"],
            }
        ],
        "rollback": {"requested_by": "certroll", "reason": "wave 1 failed", "automatic": True},
        "done": ["rollback: wave 1 failed"],
        "commands": [
            "certroll task show task-1",
            "certroll task rollback task-1 --reason '...'",
        ],
        "expiring": [],
        "drifted": [],
    }


def test_an_event_may_be_sent_as_another_class() -> None:
    message = build_task_message(
        events.build_finished_event(),
        situation(TaskStatus.FAILED),
        NOW,
        sent_as=EventClass.NEEDS_OPERATOR,
    )
    assert (message.event, message.occasion) == ("needs_operator", "finished")


KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----"
texts = st.text(max_size=100) | st.sampled_from([f"refused {KEY}", "x" * 900])
groups = st.builds(
    CauseGroup,
    status=st.sampled_from(S),
    code=st.text(max_size=100),
    message=texts,
    advice=st.none() | texts,
    needs_operator=st.booleans(),
    count=st.integers(1, 100_000),
    examples=st.lists(st.sampled_from(["a", "b" * 500]), min_size=1, max_size=3).map(tuple),
)


@settings(max_examples=30)
@given(st.lists(groups, max_size=12), st.lists(texts, max_size=9))
def test_no_message_is_endless_or_holds_a_key(causes: list[CauseGroup], reasons: list[str]) -> None:
    audit = tuple(event(C.ROLLBACK, "certroll", text) for text in reasons)
    task = situation(TaskStatus.FAILED, *causes * 7, failed=1, audit=audit)
    for name in (
        events.build_finished_event(),
        events.build_rolled_back_event(1),
        events.build_gate_event(1),
    ):
        message = build_task_message(name, task, NOW)
        assert len(message.body) < 30_000
        assert len(message.causes) <= MAX_GROUPS_LISTED
        assert "\n" not in message.subject
        assert "MIGHAgEAMBMG" not in message.model_dump_json()
        assert message.body.endswith("\n")


def test_a_key_in_a_cause_is_redacted() -> None:
    message = finished(situation(TaskStatus.FAILED, group(message=f"refused {KEY}")))
    assert f"refused {REDACTED}\n" in message.body
