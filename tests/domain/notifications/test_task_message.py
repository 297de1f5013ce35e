"""What contacts are told of a task: its result, causes in groups, what was done, what is asked."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.notifications import events
from domain.notifications.events import EventClass
from domain.notifications.message import CauseGroup
from domain.notifications.task_message import GROUPS_KEPT, Situation, task_message
from domain.redaction import TAKEN_OUT
from domain.rollout.policy import Rollout, Size
from domain.tasks.record import TaskEvent
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from tests.storage.examples import LATER, NOW, plan, record

S = OutcomeStatus


def situation(status: TaskStatus, *causes: CauseGroup, **more: Any) -> Situation:
    tally = Tally(**{each: more.pop(each) for each in list(more) if each in Tally.model_fields})
    updates: dict[str, Any] = {"status": status, "tally": tally}
    if "rollout" in more:
        updates["rollout"] = more.pop("rollout")
    return Situation(record=record(plan()).model_copy(update=updates), causes=causes, **more)


def group(code: str = "NotServed", count: int = 15, **more: Any) -> CauseGroup:
    examples = tuple(f"main/alibaba.cdn/{n}.example.com" for n in range(min(count, 3)))
    told = {"status": S.FAILED, "message": "still the former", "advice": "Look.", **more}
    return CauseGroup(code=code, count=count, examples=examples, **told)


def line(kind: str, by: str, text: str) -> TaskEvent:
    return TaskEvent(task_id="task-1", at=NOW, kind=kind, by=by, text=text)


def test_a_success_is_told_with_its_counts_and_the_way_back() -> None:
    message = task_message(events.finished(), situation(TaskStatus.SUCCEEDED, deployed=2), LATER)
    assert message.subject == "certroll: November succeeded"
    assert message.body == (
        "Task November (task-1): succeeded.\n"
        "Resources: 2 deployed.\n"
        "\n"
        "What you may do:\n"
        "  certroll task show task-1\n"
        "  certroll task rollback task-1 --reason '...'\n"
    )
    assert (message.outcomes, message.causes, message.at) == ({"deployed": 2}, (), LATER)
    assert not message.needs_operator


def test_three_hundred_resources_with_one_cause_are_one_entry() -> None:
    failed = situation(TaskStatus.PARTIALLY_FAILED, group(count=300), deployed=1, failed=300)
    message = task_message(events.finished(), failed, NOW)
    assert (
        "Why:\n"
        "- NotServed: 300 resources failed, e.g. main/alibaba.cdn/0.example.com, "
        "main/alibaba.cdn/1.example.com, main/alibaba.cdn/2.example.com and 297 more\n"
        "  still the former\n"
        "  Look.\n"
    ) in message.body
    assert "  certroll task retry task-1 --reason '...'\n" in message.body


def test_what_somebody_has_to_act_on_is_said_in_the_subject() -> None:
    locked = group("LockedAccount", 2, needs_operator=True)
    message = task_message(events.finished(), situation(TaskStatus.FAILED, locked, failed=2), NOW)
    assert message.subject == "certroll: November failed, somebody has to act"
    assert message.needs_operator
    assert "Please act on the causes above, then:\n  certroll task show task-1\n" in message.body
    assert "- LockedAccount: 2 resources failed, main/alibaba.cdn/0.example.com, " in message.body


def test_what_nothing_has_verified_is_counted_apart() -> None:
    told = situation(TaskStatus.SUCCEEDED, deployed=3).model_copy(update={"unverified": 2})
    message = task_message(events.finished(), told, NOW)
    assert message.unverified == 2
    assert "Of these 2 were accepted, but not verified.\n" in message.body


def test_a_task_that_waits_at_a_gate_tells_what_to_say() -> None:
    waits = situation(
        TaskStatus.RUNNING,
        deployed=5,
        pending=95,
        rollout=Rollout(canary=Size(count=5), gate=True),
        waves=(Tally(deployed=5), Tally(pending=95)),
    )
    message = task_message(events.gate(0), waits, NOW)
    assert message.subject == "certroll: November waits for you after the canary (wave 1 of 2)"
    assert (message.event, message.occasion) == ("needs_operator", "needs_operator-gate-0")
    assert (message.wave, message.waves, message.needs_operator) == (0, 2, True)
    assert message.commands == (
        "certroll task show task-1",
        "certroll task proceed task-1 --reason '...'",
        "certroll task stop task-1 --reason '...'",
    )


def test_a_task_that_stopped_itself_says_so_and_what_it_did() -> None:
    audit = (
        line("created", "root@host", "plan 1a"),
        line("breach", "certroll", "3 of 8 changes failed in the canary, none is borne"),
        line("not told", "certroll", "contact gone"),
    )
    stopped = situation(
        TaskStatus.PARTIALLY_ROLLED_BACK,
        group(count=3, status=S.ROLLED_BACK),
        group("TooManyFailures", 92, status=S.SKIPPED),
        rolled_back=8,
        skipped=92,
        audit=audit,
    )
    message = task_message(events.finished(), stopped, NOW)
    assert message.subject == (
        "certroll: November stopped itself, partially rolled back: too many failures"
    )
    assert message.needs_operator
    assert "It has stopped itself: 3 of 8 changes failed in the canary, " in message.body
    assert message.done == (
        "breach: 3 of 8 changes failed in the canary, none is borne",
        "taken back: 3 resources",
    )
    assert "certroll has done by itself:\n  breach: 3 of 8 changes failed in" in message.body
    assert message.rollback is not None
    assert (message.rollback.automatic, message.rollback.reason) == (True, audit[1].text)
    assert "certroll task retry task-1 --reason '...'" in message.commands
    again = stopped.model_copy(update={"audit": (*audit, line("retry", "ada@host", "mended"))})
    assert not task_message(events.finished(1), again, NOW).needs_operator


def test_what_a_person_called_off_is_not_offered_to_be_tried_again() -> None:
    called_off = situation(TaskStatus.CANCELLED, group("Cancelled", 9, status=S.SKIPPED))
    message = task_message(events.finished(), called_off, NOW)
    assert message.commands == ("certroll task show task-1",)


def test_a_rollback_tells_who_asked_and_why() -> None:
    audit = (
        line("rollback", "certroll", "an earlier one"),
        line("rollback", "ada@host", "old clients fail"),
    )
    back = situation(TaskStatus.ROLLED_BACK, rolled_back=2, audit=audit)
    message = task_message(events.rolled_back(2), back, NOW)
    assert message.subject == "certroll: November rolled back, as asked"
    assert "Asked for by ada@host: old clients fail\n" in message.body
    itself = task_message(events.rolled_back(1), back.model_copy(update={"audit": audit[:1]}), NOW)
    assert itself.subject == "certroll: November rolled back, by itself"
    assert itself.rollback is not None
    assert itself.rollback.automatic


def test_changes_that_are_tried_for_long_are_told_with_their_last_cause() -> None:
    busy = group("Throttling", 4, status=S.DEPLOYING)
    tries = situation(TaskStatus.RUNNING, deploying=4, pending=6, trying=(busy,))
    message = task_message(events.retrying(), tries, NOW)
    assert message.subject == "certroll: November tries 4 changes again and again"
    assert "- Throttling: 4 resources deploying, e.g. " in message.body


def test_the_json_of_a_message_is_public() -> None:
    """What is pinned here is literal on purpose: programs of others read it."""
    message = task_message(
        events.rolled_back(1),
        situation(
            TaskStatus.PARTIALLY_ROLLED_BACK,
            group(count=1, status=S.ROLLBACK_FAILED, needs_operator=True),
            rolled_back=1,
            rollback_failed=1,
            waves=(Tally(rolled_back=1, rollback_failed=1),),
            audit=(line("rollback", "certroll", "wave 1 failed"),),
        ),
        NOW,
    )
    told = json.loads(message.model_dump_json())
    assert told.pop("body").startswith("Task November (task-1): partially rolled back.\n")
    assert told == {
        "version": 1,
        "event": "rolled_back",
        "occasion": "rolled_back-1",
        "subject": "certroll: November partially rolled back, by itself",
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


def test_an_event_may_be_told_as_of_another_class() -> None:
    message = task_message(
        events.finished(), situation(TaskStatus.FAILED), NOW, told_as=EventClass.NEEDS_OPERATOR
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
def test_no_message_is_endless_or_holds_a_key(causes: list[CauseGroup], told: list[str]) -> None:
    audit = tuple(line("rollback", "certroll", text) for text in told)
    happened = situation(TaskStatus.FAILED, *causes * 7, failed=1, audit=audit)
    for name in (events.finished(), events.rolled_back(1), events.gate(1)):
        message = task_message(name, happened, NOW)
        assert len(message.body) < 30_000
        assert len(message.causes) <= GROUPS_KEPT
        assert "\n" not in message.subject
        assert "MIGHAgEAMBMG" not in message.model_dump_json()
        assert message.body.endswith("\n")


def test_a_key_in_a_cause_is_taken_out() -> None:
    message = task_message(
        events.finished(), situation(TaskStatus.FAILED, group(message=f"refused {KEY}")), NOW
    )
    assert f"  refused {TAKEN_OUT}\n" in message.body
