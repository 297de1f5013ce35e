"""The messages of the expiry watch: expiring certificates, drift, contacts that are not reached."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.model import Value
from domain.notifications.events import EventClass
from domain.notifications.expiry_watch import Nearness
from domain.notifications.message import (
    MAX_CAUSE_LENGTH,
    MAX_NAME_LENGTH,
    DriftedResource,
    ExpiringCertificate,
    Message,
    join_examples,
    sanitize,
)

MAX_SHOWN, MAX_LISTED = 20, 200
"""How many entries the text shows, and how many the JSON lists."""

UNDELIVERED = "needs_operator-undelivered"


class FailedNotification(Value):
    """The last message to a contact, if it could not be delivered; `detail` says why."""

    contact: str
    event: str
    task_id: str | None
    detail: str
    at: datetime


def build_expiring_message(found: Sequence[ExpiringCertificate], at: datetime) -> Message:
    """One message for all certificates, soonest first."""
    commands = tuple(_list_commands(found))
    expired = sum(each.nearness == Nearness.EXPIRED for each in found)
    what = "1 certificate has" if len(found) == 1 else f"{len(found)} certificates have"
    return _build_message(
        EventClass.EXPIRING,
        EventClass.EXPIRING.value,
        f"{what} no task in time",
        at,
        lines=[
            "These certificates are served and expire soon, and no task replaces them in time"
            f" ({expired} expired already):",
            *(line for each in found[:MAX_SHOWN] for line in _format_expiring(each, at)),
            *_format_rest(found, "certificates"),
            "",
            "This is the state of the last inventory sync. What you may do:",
            *(f"  {command}" for command in commands),
        ],
        expiring=found[:MAX_LISTED],
        commands=commands,
    )


def build_drifted_message(found: Sequence[DriftedResource], at: datetime) -> Message:
    """One message for all resources that serve something else than certroll deployed."""
    commands = ("certroll expiry --drift",)
    what = "1 resource has" if len(found) == 1 else f"{len(found)} resources have"
    return _build_message(
        EventClass.DRIFTED,
        EventClass.DRIFTED.value,
        f"{what} drifted",
        at,
        lines=[
            "Somebody else has changed what certroll deployed last:",
            *(line for each in found[:MAX_SHOWN] for line in _format_drifted(each)),
            *_format_rest(found, "resources"),
            "",
            "What you may do:",
            *(f"  {command}" for command in commands),
        ],
        drifted=found[:MAX_LISTED],
        commands=commands,
    )


def build_undelivered_message(found: Sequence[FailedNotification], at: datetime) -> Message:
    """One message for all contacts whose channels are broken."""
    commands = tuple(f"certroll contact test {each.contact}" for each in found[:MAX_SHOWN])
    what = "1 contact" if len(found) == 1 else f"{len(found)} contacts"
    return _build_message(
        EventClass.NEEDS_OPERATOR,
        UNDELIVERED,
        f"{what} could not be reached",
        at,
        lines=[
            "The last message to these contacts could not be delivered:",
            *(_format_failed_notification(each) for each in found[:MAX_SHOWN]),
            *_format_rest(found, "contacts"),
            "",
            "Please repair the channel, then:",
            *(f"  {command}" for command in commands),
        ],
        needs_operator=True,
        commands=commands,
    )


def _build_message(
    event_class: EventClass,
    occasion: str,
    what: str,
    at: datetime,
    *,
    lines: Sequence[str],
    **more: object,
) -> Message:
    return Message.model_validate(
        {
            "event": event_class.value,
            "occasion": occasion,
            "subject": f"certroll: {what}",
            "body": "\n".join(lines) + "\n",
            "at": at,
            **more,
        }
    )


def _format_rest(found: Sequence[object], what: str) -> Iterator[str]:
    if len(found) > MAX_SHOWN:
        yield f"- and {len(found) - MAX_SHOWN} more {what}"


def _format_expiring(each: ExpiringCertificate, at: datetime) -> Iterator[str]:
    days = (each.not_after - at).days
    when = f"expires in {days} {'day' if days == 1 else 'days'}"
    if each.nearness == Nearness.EXPIRED:
        when = "has expired"
    labels = " ".join(filter(None, (each.fingerprint and each.fingerprint[:12], each.name)))
    certificate = sanitize(labels or "an unnamed certificate", MAX_NAME_LENGTH)
    of_all = "" if each.resources == each.serve else f" of {each.serve}"
    yield f"- {certificate} {when}, {each.not_after:%Y-%m-%d %H:%M} UTC"
    if each.names:
        yield f"  for {_join_sanitized(each.names[:3], len(each.names))}"
    yield f"  on {each.resources}{of_all} resources: " + _join_sanitized(
        each.examples, each.resources
    )
    if each.task:
        yield f"  Task {each.task} replaces it, but too late."


def _join_sanitized(names: Sequence[str], count: int) -> str:
    return join_examples(tuple(sanitize(name, MAX_NAME_LENGTH) for name in names), count)


def _list_commands(found: Sequence[ExpiringCertificate]) -> Iterator[str]:
    """A command that lists all, and one for each of the first three."""
    yield 'certroll expiry --before "in 30d"'
    for each in found[:3]:
        if each.task:
            yield f'certroll task reschedule {each.task} --at "in 1h"'
        elif each.successor:
            yield f"certroll task create --certificate {each.successor} --all-matched"
        elif each.fingerprint:
            which = each.fingerprint[:12]
            yield f"certroll certificate upload NAME --certificate FILE --key FILE # after {which}"


def _format_drifted(each: DriftedResource) -> Iterator[str]:
    serves = each.serves[:12] if each.serves else "nothing: HTTPS is off"
    yield f"- {sanitize(each.resource, MAX_NAME_LENGTH)} serves {serves}"
    yield f"  instead of {each.deployed[:12]} of task {each.task}"


def _format_failed_notification(each: FailedNotification) -> str:
    task = f" of task {each.task_id}" if each.task_id else ""
    text = f"{each.event}{task}, {each.at:%Y-%m-%d %H:%M} UTC: {each.detail}"
    return f"- {each.contact}: {sanitize(text, MAX_CAUSE_LENGTH)}"
