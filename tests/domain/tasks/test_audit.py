"""The codes of audit events are stable: storage and other programs keep them."""

from domain.tasks.audit import TaskEventCode


def test_codes_are_stable() -> None:
    assert {each.value for each in TaskEventCode} == {
        "created",
        "edited",
        "submitted",
        "deleted",
        "postponed",
        "windows-ignored",
        "windows-overridden",
        "preflight-refused",
        "preflight-warned",
        "gate-reached",
        "proceed",
        "stop",
        "budget-exceeded",
        "reverification-failed",
        "retry",
        "retry-refused",
        "rollback",
        "drift",
        "cleanup",
        "notification-failed",
    }
