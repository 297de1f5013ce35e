"""Parses times as people write them, and formats times for output. All commands call it.

Every time has a zone.
"""

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
    """The time zone of this machine with all its clock changes, from the C library.

    `datetime.now().astimezone()` gives only the offset of today: in March it is wrong for July.
    """

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """Returns the offset at this local time; `fold` distinguishes an hour that comes twice."""
        if when is None:
            return None
        naive = when.replace(tzinfo=None)
        return naive.replace(tzinfo=UTC) - naive.astimezone(UTC)

    def dst(self, when: datetime | None) -> timedelta | None:
        """Returns None: only the whole offset is known."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """Returns the abbreviation, such as CET."""
        return None if when is None else when.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, when: datetime) -> datetime:
        """Converts UTC to local time; sets `fold` where an hour comes for the second time."""
        absolute = when.replace(tzinfo=UTC)
        naive = absolute.astimezone().replace(tzinfo=None, fold=0)
        return naive.replace(tzinfo=self, fold=int(naive.astimezone(UTC) != absolute))


LOCAL = LocalZone()


def parse_time(text: str, now: datetime, zone: tzinfo = LOCAL) -> datetime:
    """Parses RFC 3339, "in 2h30m", "now", or a local time in `zone`.

    Raises BadInput for anything else, for a local time that a clock change skips or repeats, and
    for a time more than ten years away.
    """
    stripped = text.strip()
    if stripped.lower() == "now":
        return now
    if after := _AFTER.fullmatch(stripped):
        return _add_checked(text, now, _sum_amounts(after.group(1)))
    stamp = _STAMP.fullmatch(stripped)
    if stamp is None or stamp.group(2) is None:
        raise _build_error(text, "cannot be read")
    return _parse_stamp(text, stamp, now, zone)


def parse_day(text: str, now: datetime, zone: tzinfo = LOCAL) -> datetime:
    """Parses like `parse_time`; a date alone means the midnight at which it begins."""
    stamp = _STAMP.fullmatch(text.strip())
    if stamp is not None and stamp.group(2) is None:
        return parse_time(f"{stamp.group(1)} 00:00", now, zone)
    return parse_time(text, now, zone)


def parse_age(text: str) -> timedelta:
    """Parses the age of `--older-than`: "30d", "1d12h"."""
    age = _parse_duration(text, "age", "--older-than", "30d")
    if age > FURTHEST:
        raise BadInput(
            f"{text[:60]!r} is more than ten years", where="--older-than", code="time-out-of-range"
        )
    return age


def parse_wait(text: str, where: str) -> timedelta:
    """Parses a duration of at most a week: "15m"."""
    wait = _parse_duration(text, "duration", where, "15m")
    if wait > LONGEST_WAIT:
        raise BadInput(f"{text[:60]!r} is more than a week", where=where, code="time-out-of-range")
    return wait


def format_minute(when: datetime, zone: tzinfo = LOCAL) -> str:
    """Formats a time for tables: to the minute, with the zone's short name."""
    local = when.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def format_second(when: datetime, zone: tzinfo = LOCAL) -> str:
    """Formats a time for audit entries: to the second, with the zone's short name."""
    local = when.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def format_with_offset(when: datetime, zone: tzinfo = LOCAL) -> str:
    """Formats a time that the caller gave: to the second, with zone and offset."""
    local = when.astimezone(zone)
    return f"{format_second(when, zone)} (UTC{_format_offset(local)})"


def count_days_left(until: datetime, now: datetime) -> int:
    """Counts whole days from `now`; negative once the time has passed."""
    return (until - now).days


def _parse_duration(text: str, what: str, where: str, example: str) -> timedelta:
    after = _AFTER.fullmatch(f"in {text.strip()}")
    if after is None:
        fix = f'Write it as "{example}" or "1d12h" (d, h, m, s).'
        raise BadInput(
            f"{text[:60]!r} is not a valid {what}", where=where, fix=fix, code="invalid-time"
        )
    return _sum_amounts(after.group(1))


def _sum_amounts(text: str) -> timedelta:
    total = timedelta()
    for amount, unit in _AMOUNT.findall(text.lower()):
        total += timedelta(**{_UNITS[unit]: int(amount)})
    return total


def _add_checked(text: str, now: datetime, ahead: timedelta) -> datetime:
    if abs(ahead) > FURTHEST:
        raise _build_error(text, "is more than ten years away", "time-out-of-range")
    return now + ahead


def _parse_stamp(text: str, stamp: re.Match[str], now: datetime, zone: tzinfo) -> datetime:
    day, clock, fraction, offset = stamp.groups()
    digits = f".{fraction[:6]:0<6}" if fraction else ""
    try:
        when = datetime.fromisoformat(f"{day}T{clock}{digits}{(offset or '').upper()}")
    except ValueError:
        raise _build_error(text, "is not a date and time of the calendar") from None
    if abs(when.replace(tzinfo=UTC) - now) > FURTHEST:
        raise _build_error(text, "is more than ten years away", "time-out-of-range")
    return when if offset else _resolve_local(text, when, zone)


def _resolve_local(text: str, naive: datetime, zone: tzinfo) -> datetime:
    early, late = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early
    if early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive:
        # In a gap, the two offsets give the times before and after it.
        before, after = (format_minute(when, zone) for when in sorted(_to_utc(early, late)))
        raise BadInput(
            f"{text!r} does not exist in the local zone: the clock is put forward past it",
            where="time",
            fix=f"The nearest times are {before} and {after}.",
            code="skipped-local-time",
        )
    raise BadInput(
        f"{text!r} comes twice in the local zone: the clock is put back over it",
        where="time",
        fix=f"Give one of them: {early.isoformat()} or {late.isoformat()}.",
        code="repeated-local-time",
    )


def _to_utc(*times: datetime) -> list[datetime]:
    return [when.astimezone(UTC) for when in times]


def _build_error(text: str, what: str, code: str = "invalid-time") -> BadInput:
    return BadInput(f"{text[:60]!r} {what}", where="time", fix=FORMS, code=code)


def _format_offset(when: datetime) -> str:
    text = f"{when:%z}"
    return f"{text[:3]}:{text[3:5]}"
