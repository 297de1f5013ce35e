"""`certroll contact`: addresses are sealed, and a test message really arrives."""

import email
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from pytest_httpserver import HTTPServer

from tests.support.command_line import CommandLine
from tests.support.stored_examples import NOW


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    """Who gets what is posted."""
    with HTTPServer(host="127.0.0.1") as server:
        yield server


def test_a_webhook_is_shown_and_its_address_is_never_shown(
    certroll: CommandLine, receiver: HTTPServer, tmp_path: Path
) -> None:
    receiver.expect_oneshot_request("/token-abc", method="POST").respond_with_data("")
    (tmp_path / "url").write_text(receiver.url_for("/token-abc") + "\n")
    added = certroll("contact", "add", "team", "--webhook-file", str(tmp_path / "url"))
    listed = certroll("contact", "list")
    assert f"team  webhook  http://127.0.0.1:{receiver.port}/..." in listed.stdout
    tested = certroll("contact", "test", "team")
    assert tested.stdout == "Test message sent to contact 'team'.\n"
    assert "token-abc" not in added.output + listed.output + tested.output
    request, _ = receiver.log[0]
    assert json.loads(request.data)["event"] == "test"


def test_a_webhook_that_refuses_is_code_3(certroll: CommandLine, receiver: HTTPServer) -> None:
    receiver.expect_request("/x").respond_with_data("no", status=403)
    certroll("contact", "add", "team", "--webhook", receiver.url_for("/x"))
    result = certroll.refusal("contact", "test", "team", code=3)
    assert result == "WebhookRefused: the webhook answered 403. Check the contact's address."


def test_a_mail_arrives(certroll: CommandLine) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        certroll("contact", "add", "ops", "--mail", "ops@example.com")
        env = {"CERTROLL_SMTP_URL": f"smtp://127.0.0.1:{port}", "CERTROLL_MAIL_FROM": "a@b.example"}
        certroll("contact", "test", "ops", env=env)
    finally:
        server.stop()
    assert inbox.subjects == ["certroll: test"]


class Inbox:
    """Keeps the subject of each mail."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.subjects.append(email.message_from_bytes(envelope.content)["Subject"])
        return "250 OK"


def test_mail_needs_a_server(certroll: CommandLine) -> None:
    added = certroll.json("contact", "add", "ops", "--mail", "ops@example.com")
    assert added == {
        "name": "ops",
        "kind": "mail",
        "redacted_address": "ops@example.com",
        "events": None,
    }
    assert certroll.refusal("contact", "test", "ops").startswith(
        "CERTROLL_SMTP_URL: no mail server is set"
    )


def test_exactly_one_address_is_wanted(certroll: CommandLine) -> None:
    assert certroll.error("contact", "add", "a")["code"] == "conflicting-options"
    both = ("--mail", "a@example.com", "--webhook", "https://example.com/")
    assert certroll.error("contact", "add", "a", *both)["code"] == "conflicting-options"
    result = certroll.refusal("contact", "add", "a", "--mail", "nobody")
    assert "this is not a mail address" in result
    assert certroll.json("contact", "list") == []


def test_one_that_is_deleted_is_gone(certroll: CommandLine) -> None:
    certroll("contact", "add", "ops", "--mail", "ops@example.com")
    assert certroll.json("contact", "delete", "ops", "--yes") == {"deleted": "ops"}
    assert "No contacts yet" in certroll("contact", "list").stderr
    assert certroll.error("contact", "delete", "ops", "--yes")["code"] == "unknown-contact"


def test_a_robot_is_shown_and_neither_address_nor_secret_is_shown(
    certroll: CommandLine, receiver: HTTPServer, tmp_path: Path
) -> None:
    receiver.expect_request("/token-abc").respond_with_data('{"errcode": 0}')
    (tmp_path / "url").write_text(receiver.url_for("/token-abc?key=1") + "\n")
    (tmp_path / "secret").write_text("SECabc\n")
    files = ("--webhook-file", str(tmp_path / "url"), "--secret-file", str(tmp_path / "secret"))
    added = certroll("contact", "add", "night", "--robot", "dingtalk", *files)
    tested = certroll("contact", "test", "night")
    listed = certroll("contact", "list")
    assert f"night  dingtalk  http://127.0.0.1:{receiver.port}/..." in listed.stdout
    assert "abc" not in added.output + tested.output + listed.output
    assert "sign" in receiver.log[0][0].args


def test_a_robot_that_answers_200_and_refuses_is_code_3(
    certroll: CommandLine, receiver: HTTPServer
) -> None:
    receiver.expect_request("/x").respond_with_data('{"errcode": 310000, "errmsg": "keywords"}')
    certroll("contact", "add", "night", "--robot", "dingtalk", "--webhook", receiver.url_for("/x"))
    result = certroll.refusal("contact", "test", "night", code=3)
    assert result.startswith("RobotRefused: DingTalk refused the message: errcode 310000")


def test_an_unknown_robot_or_a_secret_that_it_does_not_take_is_refused(
    certroll: CommandLine,
) -> None:
    hook = ("--webhook", "https://chat.example.com/x")
    assert certroll.error("contact", "add", "a", "--robot", "irc", *hook)["code"] == "unknown-robot"
    env = {"CERTROLL_ROBOT_SECRET": "s"}
    assert (
        certroll.error("contact", "add", "a", "--robot", "slack", *hook, env=env)["code"]
        == "conflicting-options"
    )
    assert (
        certroll.error("contact", "add", "a", "--robot", "slack", "--mail", "a@b.example")["code"]
        == "missing-option"
    )


@pytest.mark.parametrize(
    ("kind", "answer", "code"),
    [
        ("dingtalk", '{"errcode": 300001, "errmsg": "token is not exist"}', "errcode 300001"),
        ("feishu", '{"code": 19024, "msg": "Key Words Not Found"}', "code 19024"),
        ("wecom", '{"errcode": 93000, "errmsg": "invalid webhook url"}', "errcode 93000"),
        ("wecom", "<html>sign in</html>", "errcode is missing"),
    ],
)
def test_each_robot_that_answers_200_and_refuses_is_code_3_with_what_to_check(
    kind: str, answer: str, code: str, certroll: CommandLine, receiver: HTTPServer
) -> None:
    receiver.expect_request("/x").respond_with_data(answer)
    certroll("contact", "add", "night", "--robot", kind, "--webhook", receiver.url_for("/x"))
    result = certroll.refusal("contact", "test", "night", code=3)
    assert f"refused the message: {code}" in result
    assert "Check the robot's address, signing secret, keywords" in result


def test_a_contact_chooses_of_what_it_is_shown(certroll: CommandLine) -> None:
    ops = ("contact", "add", "ops", "--mail", "ops@example.com")
    added = certroll.json(*ops, "--event", "needs_operator", "--event", "finished")
    assert added["events"] == ["finished", "needs_operator"]
    assert "finished, needs_operator  nothing yet" in certroll("contact", "list").stdout
    edited = certroll("contact", "edit", "ops", "--event", "expiring")
    assert edited.stdout == "Contact 'ops' gets: expiring.\n"
    assert certroll.json("contact", "edit", "ops", "--event", "all")["events"] is None
    result = certroll.refusal("contact", "edit", "ops", "--event", "ended")
    assert result.startswith(
        "--event: there is no event class 'ended'. Use finished, needs_operator"
    )
    assert certroll.error("contact", "edit", "ops")["code"] == "missing-option"
    assert certroll.error("contact", "edit", "no", "--event", "all")["code"] == "unknown-contact"


def test_the_list_tells_why_a_contact_could_not_be_shown_last(certroll: CommandLine) -> None:
    certroll("contact", "add", "ops", "--mail", "ops@example.com")
    with certroll.store() as store:
        store.deliveries.record(None, "expiring", "ops", True, "sent", NOW)
        store.deliveries.record(None, "expiring", "ops", False, "MailFailed: not taken", NOW)
    assert "expiring failed: MailFailed: not taken" in certroll("contact", "list").stdout
    (listed,) = certroll.json("contact", "list")
    assert (listed["last"]["ok"], listed["last"]["detail"]) == (False, "MailFailed: not taken")
