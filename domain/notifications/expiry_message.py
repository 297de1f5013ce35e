"""What the watch tells: what expires, what has drifted, who could not be told. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.model import Value
from domain.notifications.events import EventClass
from domain.notifications.expiry_watch import Nearness
from domain.notifications.message import (
    LONGEST_CAUSE,
    LONGEST_NAME,
    Drifted,
    Expiring,
    Message,
    clean,
    some,
)

SHOWN, KEPT = 20, 200
UNTOLD = "needs_operator-untold"


class Untold(Value):
    """A contact that could not be told of something, and nothing since."""

    contact: str
    event: str
    task_id: str | None
    detail: str
    at: datetime


def expiring_message(found: Sequence[Expiring], at: datetime) -> Message:
    """One message for all certificates, soonest first."""
    commands = tuple(_commands(found))
    over = sum(each.nearness == Nearness.EXPIRED for each in found)
    many = "certificate" if len(found) == 1 else "certificates"
    what = f"{len(found)} {many} {'has' if len(found) == 1 else 'have'} no task in time"
    lines = [
        f"These are served, end soon, and no task replaces them in time ({over} ended already):",
        *(line for each in found[:SHOWN] for line in _expiring(each, at)),
        *_rest(found, "certificates"),
        "",
        "As of the last sync of the inventory. What you may do:",
        *(f"  {command}" for command in commands),
    ]
    kind = EventClass.EXPIRING
    return _message(kind, kind.value, what, lines, at, expiring=found[:KEPT], commands=commands)


def drifted_message(found: Sequence[Drifted], at: datetime) -> Message:
    """One message for all resources that serve something else than was deployed."""
    what = f"{len(found)} {'resource has' if len(found) == 1 else 'resources have'} drifted"
    lines = [
        "Somebody else has changed what certroll deployed here last:",
        *(line for each in found[:SHOWN] for line in _drifted(each)),
        *_rest(found, "resources"),
        "",
        "What you may do:",
        "  certroll expiry --drift",
    ]
    kind, commands = EventClass.DRIFTED, ("certroll expiry --drift",)
    return _message(kind, kind.value, what, lines, at, drifted=found[:KEPT], commands=commands)


def untold_message(found: Sequence[Untold], at: datetime) -> Message:
    """One message for all contacts whose channels are broken."""
    what = f"{len(found)} {'contact' if len(found) == 1 else 'contacts'} could not be told"
    commands = tuple(f"certroll contact test {each.contact}" for each in found[:SHOWN])
    lines = [
        "These contacts could not be told, and of nothing since:",
        *(f"- {each.contact}: {clean(_untold(each), LONGEST_CAUSE)}" for each in found[:SHOWN]),
        *_rest(found, "contacts"),
        "",
        "Please mend it, then:",
        *(f"  {command}" for command in commands),
    ]
    kind = EventClass.NEEDS_OPERATOR
    return _message(kind, UNTOLD, what, lines, at, needs_operator=True, commands=commands)


def _message(
    kind: EventClass, occasion: str, what: str, lines: Sequence[str], at: datetime, **more: object
) -> Message:
    body = "\n".join(lines) + "\n"
    facts = {"event": kind.value, "occasion": occasion, "at": at, "body": body, **more}
    return Message.model_validate({**facts, "subject": f"certroll: {what}"})


def _rest(found: Sequence[object], what: str) -> Iterator[str]:
    if len(found) > SHOWN:
        yield f"- and {len(found) - SHOWN} more {what}"


def _expiring(each: Expiring, at: datetime) -> Iterator[str]:
    days = (each.not_after - at).days
    left = f"ends in {days} {'day' if days == 1 else 'days'}"
    if each.nearness == Nearness.EXPIRED:
        left = "has ended"
    named = " ".join(filter(None, (each.fingerprint and each.fingerprint[:12], each.name)))
    which = clean(named or "an unnamed certificate", LONGEST_NAME)
    of = "" if each.resources == each.serve else f" of {each.serve}"
    yield f"- {which} {left}, {each.not_after:%Y-%m-%d %H:%M} UTC"
    if each.names:
        yield f"  for {_some(each.names[:3], len(each.names))}"
    yield f"  on {each.resources}{of} resources: {_some(each.examples, each.resources)}"
    if each.task:
        yield f"  Task {each.task} replaces it, but too late."


def _some(names: Sequence[str], count: int) -> str:
    return some(tuple(clean(name, LONGEST_NAME) for name in names), count)


def _commands(found: Sequence[Expiring]) -> Iterator[str]:
    """For the first few of them, and to see all."""
    yield 'certroll expiry --before "in 30d"'
    for each in found[:3]:
        if each.task:
            yield f'certroll task reschedule {each.task} --at "in 1h"'
        elif each.successor:
            yield f"certroll task create --certificate {each.successor} --all-matched"
        elif each.fingerprint:
            which = each.fingerprint[:12]
            yield f"certroll certificate upload NAME --certificate FILE --key FILE # after {which}"


def _drifted(each: Drifted) -> Iterator[str]:
    serves = each.serves[:12] if each.serves else "nothing: HTTPS is off"
    yield f"- {clean(each.resource, LONGEST_NAME)} serves {serves}"
    yield f"  instead of {each.deployed[:12]} of task {each.task}"


def _untold(each: Untold) -> str:
    about = f" of task {each.task_id}" if each.task_id else ""
    return f"{each.event}{about}, {each.at:%Y-%m-%d %H:%M} UTC: {each.detail}"
