"""Sends one message by mail, webhook or chat robot; task_news, expiry_news and the CLI call it."""

from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import httpx2

from domain.errors import BadInput, NeedsOperator, Transient
from domain.notifications.message import Message
from operations.notifications.chat import ROBOTS, post_chat_message
from storage.settings import Settings

SECONDS = 15.0


async def send(kind: str, address: str, message: Message, settings: Settings) -> None:
    """Sends once. Raises Transient or NeedsOperator, whose texts never contain the address."""
    if kind == "mail":
        await send_mail(address, message, settings)
    elif kind in ROBOTS:
        await post_chat_message(kind, address, message)
    else:
        await post_webhook(address, message)


async def send_mail(address: str, message: Message, settings: Settings) -> None:
    """Sends by the server of CERTROLL_SMTP_URL: smtp://, smtps:// or smtp+starttls://."""
    if settings.smtp_url is None:
        raise BadInput(
            "no mail server is set",
            where="CERTROLL_SMTP_URL",
            fix="Set it, for example smtp+starttls://user:password@mail.example.com:587.",
            code="missing-setting",
        )
    if settings.mail_from is None:
        raise BadInput(
            "no sender address is set",
            where="CERTROLL_MAIL_FROM",
            fix="Set it to an address that the mail server lets you send from.",
            code="missing-setting",
        )
    server = urlsplit(settings.smtp_url.get_secret_value())
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings.mail_from, address, message.subject
    mail.set_content(message.body)
    try:
        await aiosmtplib.send(
            mail,
            hostname=server.hostname or "localhost",
            port=server.port,
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=server.scheme == "smtps",
            start_tls=True if server.scheme == "smtp+starttls" else None,
            timeout=SECONDS,
        )
    except aiosmtplib.SMTPAuthenticationError as error:
        raise NeedsOperator(
            "the mail server refused the user or password",
            code=f"SMTP{error.code}",
            advice="Check CERTROLL_SMTP_URL.",
        ) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Transient(
            f"the mail server did not accept the mail: {type(error).__name__}", code="MailFailed"
        ) from None


async def post_webhook(url: str, message: Message) -> None:
    """POSTs the message as JSON; anything but a 2xx answer is a failure."""
    try:
        async with httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(url, json=message.model_dump(mode="json"))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Transient(
            f"the webhook did not answer: {type(error).__name__}", code="WebhookFailed"
        ) from None
    if answer.is_success:
        return
    text = f"the webhook answered {answer.status_code}"
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        raise Transient(text, code="WebhookFailed")
    raise NeedsOperator(text, code="WebhookRefused", advice="Check the contact's address.")
