"""The messages of the expiry watch: every entry in JSON, the first ones in the text, commands."""

from datetime import timedelta
from typing import Any

from domain.notifications.expiry_message import (
    MAX_LISTED,
    MAX_SHOWN,
    FailedNotification,
    build_drifted_message,
    build_expiring_message,
    build_undelivered_message,
)
from domain.notifications.message import DriftedResource, ExpiringCertificate
from domain.redaction import REDACTED
from tests.support.stored_examples import NOW

KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----"


def expiring(**fields: Any) -> ExpiringCertificate:
    usual: dict[str, Any] = {
        "nearness": "week",
        "fingerprint": "ab" * 32,
        "name": "shop",
        "not_after": NOW + timedelta(days=5),
        "resources": 1,
        "serve": 3,
        "examples": ("main/alibaba.cdn/a.example.com",),
    }
    return ExpiringCertificate(**(usual | fields))


def drifted(serves: str | None) -> DriftedResource:
    return DriftedResource(
        resource="main/alibaba.cdn/a.example.com", deployed="ab" * 32, serves=serves, task="task-1"
    )


def failed(contact: str, detail: str = "answered 500") -> FailedNotification:
    return FailedNotification(
        contact=contact, event="finished", task_id="task-1", detail=detail, at=NOW
    )


def test_an_expiring_certificate_is_shown_with_its_resources_and_its_last_days() -> None:
    message = build_expiring_message([expiring()], NOW)
    assert (message.event, message.occasion) == ("expiring", "expiring")
    assert message.expiring == (expiring(),)
    for data in ("abababababab shop", " 5 days", "1 of 3", "main/alibaba.cdn/a.example.com"):
        assert data in message.body
    expired = expiring(nearness="expired", not_after=NOW - timedelta(days=1))
    assert "(1 expired already)" in build_expiring_message([expired, expiring()], NOW).body


def test_each_expiring_certificate_gets_the_command_that_helps_it() -> None:
    found = [expiring(task="task-1"), expiring(successor="shop-2"), expiring(), expiring()]
    message = build_expiring_message(found, NOW)
    _, late, replaceable, upload = message.commands
    assert "task reschedule task-1" in late
    assert "--certificate shop-2" in replaceable
    assert "certificate upload" in upload
    assert all(command in message.body for command in message.commands)


def test_of_many_certificates_the_text_shows_the_first_and_counts_the_rest() -> None:
    found = [expiring(name=f"shop-{number:03}") for number in range(MAX_LISTED + 1)]
    message = build_expiring_message(found, NOW)
    assert len(message.expiring) == MAX_LISTED
    assert f"shop-{MAX_SHOWN - 1:03}" in message.body
    assert f"shop-{MAX_SHOWN:03}" not in message.body
    assert f"{len(found) - MAX_SHOWN} more" in message.body


def test_a_drifted_resource_is_shown_with_both_certificates() -> None:
    found = [drifted("cd" * 32), drifted(None)]
    message = build_drifted_message(found, NOW)
    assert (message.event, message.drifted) == ("drifted", tuple(found))
    for data in ("main/alibaba.cdn/a.example.com", "abababababab", "cdcdcdcdcdcd", "HTTPS is off"):
        assert data in message.body


def test_an_undelivered_message_needs_an_operator_who_tests_the_contact() -> None:
    message = build_undelivered_message([failed("ops"), failed("night")], NOW)
    assert (message.event, message.occasion) == ("needs_operator", "needs_operator-undelivered")
    assert message.needs_operator
    assert message.commands == ("certroll contact test ops", "certroll contact test night")
    for data in ("ops: finished of task task-1", "answered 500"):
        assert data in message.body


def test_a_key_in_the_answer_of_a_channel_is_redacted() -> None:
    body = build_undelivered_message([failed("ops", f"said {KEY}")], NOW).body
    assert f"said {REDACTED}" in body
