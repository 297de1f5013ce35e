"""Times as people write them, and as they are shown: never without a zone."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from domain.errors import BadInput

FORMS = (
    'Write it as "2026-12-01T03:00:00+01:00", "2026-12-01 03:00" (local time) or "in 2h30m" '
    "(d, h, m, s)."
)
FURTHEST = timedelta(days=3660)
LONGEST_WAIT = timedelta(days=7)

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_AMOUNT = re.compile(r"([0-9]{1,9})\s*([dhms])")
_AFTER = re.compile(r"in\s+((?:[0-9]{1,9}\s*[dhms]\s*)+)", re.IGNORECASE)
_STAMP = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]+))?\s?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)


class LocalZone(tzinfo):
    """The zone of this machine with all its changes of the clock, as its C library tells.

    The offset that `datetime.now().astimezone()` gives is only today's: in March it would be wrong
    for July.
    """

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """The offset at this local time; its `fold` tells hours apart that come twice."""
        if when is None:
            return None
        naive = when.replace(tzinfo=None)
        return naive.replace(tzinfo=UTC) - naive.astimezone(UTC)

    def dst(self, when: datetime | None) -> timedelta | None:
        """Not known by itself: the offset says it all."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """The abbreviation, such as CET."""
        return None if when is None else when.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, when: datetime) -> datetime:
        """Local time for a UTC one, with `fold` set where an hour comes for the second time."""
        absolute = when.replace(tzinfo=UTC)
        naive = absolute.astimezone().replace(tzinfo=None, fold=0)
        return naive.replace(tzinfo=self, fold=int(naive.astimezone(UTC) != absolute))


LOCAL = LocalZone()


def parse_time(text: str, now: datetime, zone: tzinfo = LOCAL) -> datetime:
    """An aware time out of RFC 3339, "in 2h30m", or a local time in `zone`, or "now".

    Raises BadInput for what is none of these, for local times that a change of the clock skips or
    tells twice, and for times more than ten years away.
    """
    stripped = text.strip()
    if stripped.lower() == "now":
        return now
    if after := _AFTER.fullmatch(stripped):
        return _within_reach(text, now, _duration(after.group(1)))
    stamp = _STAMP.fullmatch(stripped)
    if stamp is None or stamp.group(2) is None:
        raise _unreadable(text, "cannot be read")
    return _stamped(text, stamp, now, zone)


def parse_day(text: str, now: datetime, zone: tzinfo = LOCAL) -> datetime:
    """As `parse_time`, and a date alone is the midnight that it begins with."""
    stamp = _STAMP.fullmatch(text.strip())
    if stamp is not None and stamp.group(2) is None:
        return parse_time(f"{stamp.group(1)} 00:00", now, zone)
    return parse_time(text, now, zone)


def parse_age(text: str) -> timedelta:
    """How long: "30d", "1d12h"; BadInput for anything else."""
    age = _long(text, "age", "--older-than", "30d")
    if age > FURTHEST:
        raise BadInput(f"{text[:60]!r} is more than ten years", where="--older-than")
    return age


def parse_wait(text: str, where: str) -> timedelta:
    """The same for a wait, "15m", of at most a week."""
    wait = _long(text, "length of time", where, "15m")
    if wait > LONGEST_WAIT:
        raise BadInput(f"{text[:60]!r} is more than a week", where=where)
    return wait


def shown(when: datetime, zone: tzinfo = LOCAL) -> str:
    """For tables: to the minute, with the zone's short name."""
    local = when.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def logged(when: datetime, zone: tzinfo = LOCAL) -> str:
    """For audits: to the second, with the zone's short name."""
    local = when.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def echoed(when: datetime, zone: tzinfo = LOCAL) -> str:
    """For an answer to whoever gave the time: to the second, with zone and offset."""
    local = when.astimezone(zone)
    return f"{logged(when, zone)} (UTC{_offset(local)})"


def days_left(until: datetime, now: datetime) -> int:
    """Whole days from `now`; negative once it has passed."""
    return (until - now).days


def _long(text: str, what: str, where: str, example: str) -> timedelta:
    after = _AFTER.fullmatch(f"in {text.strip()}")
    if after is None:
        fix = f'Write it as "{example}" or "1d12h" (d, h, m, s).'
        raise BadInput(f"{text[:60]!r} is no {what}", where=where, fix=fix)
    return _duration(after.group(1))


def _duration(text: str) -> timedelta:
    total = timedelta()
    for amount, unit in _AMOUNT.findall(text.lower()):
        total += timedelta(**{_UNITS[unit]: int(amount)})
    return total


def _within_reach(text: str, now: datetime, ahead: timedelta) -> datetime:
    if abs(ahead) > FURTHEST:
        raise _unreadable(text, "is more than ten years away")
    return now + ahead


def _stamped(text: str, stamp: re.Match[str], now: datetime, zone: tzinfo) -> datetime:
    day, clock, fraction, offset = stamp.groups()
    digits = f".{fraction[:6]:0<6}" if fraction else ""
    try:
        when = datetime.fromisoformat(f"{day}T{clock}{digits}{(offset or '').upper()}")
    except ValueError:
        raise _unreadable(text, "is in no calendar") from None
    if abs(when.replace(tzinfo=UTC) - now) > FURTHEST:
        raise _unreadable(text, "is more than ten years away")
    return when if offset else _local(text, when, zone)


def _local(text: str, naive: datetime, zone: tzinfo) -> datetime:
    early, late = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        # In a gap the two offsets land on its two sides.
        before, after = (shown(when, zone) for when in sorted(_utc(early, late)))
        raise BadInput(
            f"{text!r} does not exist here: the clock is put forward over it",
            where="time",
            fix=f"Nearest are {before} and {after}.",
        )
    raise BadInput(
        f"{text!r} comes twice here: the clock is put back over it",
        where="time",
        fix=f"Say which is meant: {early.isoformat()} or {late.isoformat()}.",
    )


def _utc(*times: datetime) -> list[datetime]:
    return [when.astimezone(UTC) for when in times]


def _unreadable(text: str, what: str) -> BadInput:
    return BadInput(f"{text[:60]!r} {what}", where="time", fix=FORMS)


def _offset(when: datetime) -> str:
    text = f"{when:%z}"
    return f"{text[:3]}:{text[3:5]}"
