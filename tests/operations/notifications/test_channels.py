"""Mail and webhooks against real servers: what arrives, and the error of each failure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from domain.errors import BadInput, CloudError, NeedsOperator, Transient
from domain.notifications.message import Message, build_test_message
from operations.notifications import channels
from operations.notifications.channels import send
from starter.temporal.processes import find_free_port
from storage.settings import Settings

MESSAGE = build_test_message(datetime(2026, 11, 24, 12, tzinfo=UTC))
TO, FROM = "ops@example.com", "certroll@example.com"
PASSWORD = "hidden-word"


class Mailbox:
    """Accepts mail, unless it shall refuse the recipient."""

    def __init__(self) -> None:
        self.accepted: list[Any] = []
        self.refuse = False

    async def handle_RCPT(  # noqa: N802, RUF100 - aiosmtpd looks for this name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.refuse:
            return f"550 no mailbox {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, RUF100
        self.accepted.append(envelope)
        return "250 OK"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mail_port(mailbox: Mailbox) -> Iterator[int]:
    """A mail server on loopback that knows one password."""
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=find_free_port(),
        authenticator=authenticate,
        auth_require_tls=False,
    )
    controller.start()
    yield controller.port
    controller.stop()


def settings(folder: Path, url: str | None, mail_from: str | None = FROM) -> Settings:
    secret = None if url is None else SecretStr(url)
    return Settings(home=folder, smtp_url=secret, mail_from=mail_from)


async def fail_send(kind: str, address: str, configured: Settings) -> CloudError:
    """The error of a message that cannot be sent; it never contains the address."""
    with pytest.raises((Transient, NeedsOperator)) as caught:
        await send(kind, address, MESSAGE, configured)
    error = caught.value
    assert error.__cause__ is None, "a cause would be logged with the address in it"
    assert error.__context__ is None or error.__suppress_context__
    assert address not in str(error)
    assert PASSWORD not in str(error)
    return error


async def test_a_mail_arrives_with_subject_and_body(
    mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    url = f"smtp://someone:right@127.0.0.1:{mail_port}"
    await send("mail", TO, MESSAGE, settings(tmp_path, url))
    (envelope,) = mailbox.accepted
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == (FROM, [TO])
    assert (mail["From"], mail["To"], mail["Subject"]) == (FROM, TO, MESSAGE.subject)
    assert mail.get_content() == MESSAGE.body.replace("\n", "\r\n")


async def test_a_server_without_authentication_gets_no_password(
    mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    await send("mail", TO, MESSAGE, settings(tmp_path, f"smtp://127.0.0.1:{mail_port}"))
    assert not mailbox.accepted[0].smtp_utf8


async def test_a_wrong_password_needs_an_operator(mail_port: int, tmp_path: Path) -> None:
    url = f"smtp://someone:{PASSWORD}@127.0.0.1:{mail_port}"
    error = await fail_send("mail", TO, settings(tmp_path, url))
    assert isinstance(error, NeedsOperator)
    assert error.code == "SMTP535"
    assert error.advice is not None
    assert "CERTROLL_SMTP_URL" in error.advice


async def test_no_mail_is_sent_in_clear_if_encryption_is_required(
    mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    url = f"smtp+starttls://someone:{PASSWORD}@127.0.0.1:{mail_port}"
    error = await fail_send("mail", TO, settings(tmp_path, url))
    assert isinstance(error, Transient)
    assert mailbox.accepted == []


async def test_a_server_without_tls_gets_no_mail_over_tls(
    mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    error = await fail_send("mail", TO, settings(tmp_path, f"smtps://127.0.0.1:{mail_port}"))
    assert isinstance(error, Transient)
    assert mailbox.accepted == []


async def test_a_mail_server_that_is_down_is_a_transient_error(tmp_path: Path) -> None:
    error = await fail_send("mail", TO, settings(tmp_path, f"smtp://127.0.0.1:{find_free_port()}"))
    assert isinstance(error, Transient)
    assert error.code == "MailFailed"


async def test_the_error_of_a_refused_recipient_does_not_contain_the_address(
    mailbox: Mailbox, mail_port: int, tmp_path: Path
) -> None:
    mailbox.refuse = True
    error = await fail_send("mail", TO, settings(tmp_path, f"smtp://127.0.0.1:{mail_port}"))
    assert error.code == "MailFailed"


@pytest.mark.parametrize(
    ("url", "mail_from", "variable"),
    [(None, FROM, "CERTROLL_SMTP_URL"), ("smtp://127.0.0.1:25", None, "CERTROLL_MAIL_FROM")],
)
async def test_mail_without_a_setting_is_refused_with_its_variable(
    tmp_path: Path, url: str | None, mail_from: str | None, variable: str
) -> None:
    with pytest.raises(BadInput) as caught:
        await send("mail", TO, MESSAGE, settings(tmp_path, url, mail_from))
    assert (caught.value.code, caught.value.where) == ("missing-setting", variable)


@pytest.fixture
def httpserver() -> Iterator[HTTPServer]:
    """A web server on loopback."""
    with HTTPServer(host="127.0.0.1") as running:
        yield running


def hook(httpserver: HTTPServer) -> str:
    return httpserver.url_for("/hook?token=very-secret")


async def test_a_webhook_gets_the_message_as_json(httpserver: HTTPServer, tmp_path: Path) -> None:
    httpserver.expect_request(
        "/hook", query_string="token=very-secret", method="POST"
    ).respond_with_data("", status=204)
    await send("webhook", hook(httpserver), MESSAGE, settings(tmp_path, None))
    ((request, _),) = httpserver.log
    assert Message.model_validate(request.get_json()) == MESSAGE


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (302, NeedsOperator, "WebhookRefused"),
        (401, NeedsOperator, "WebhookRefused"),
        (404, NeedsOperator, "WebhookRefused"),
        (408, Transient, "WebhookFailed"),
        (429, Transient, "WebhookFailed"),
        (503, Transient, "WebhookFailed"),
    ],
)
async def test_any_status_but_success_is_an_error(
    httpserver: HTTPServer, tmp_path: Path, status: int, kind: type[CloudError], code: str
) -> None:
    httpserver.expect_request("/hook").respond_with_data(
        "see elsewhere", status=status, headers={"Location": httpserver.url_for("/other")}
    )
    error = await fail_send("webhook", hook(httpserver), settings(tmp_path, None))
    assert type(error) is kind
    assert error.code == code
    assert str(status) in error.message
    assert "very-secret" not in str(error)
    assert len(httpserver.log) == 1, "a redirect is not followed"


@pytest.mark.parametrize("host", ["127.0.0.1", "xn--"])
async def test_a_webhook_that_cannot_be_reached_is_a_transient_error(
    tmp_path: Path, host: str
) -> None:
    url = f"http://{host}:{find_free_port()}/hook?token=very-secret"
    error = await fail_send("webhook", url, settings(tmp_path, None))
    assert isinstance(error, Transient)
    assert "very-secret" not in str(error)


async def test_a_silent_webhook_is_a_transient_error_in_time(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/hook").respond_with_data("")
    monkeypatch.setattr(channels, "SECONDS", 0.0)
    error = await fail_send("webhook", hook(httpserver), settings(tmp_path, None))
    assert isinstance(error, Transient)
