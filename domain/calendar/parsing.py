"""Builds windows, freezes and scopes from what a person typed; the CLI calls it."""

import re
from collections.abc import Sequence
from datetime import datetime, time
from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

from domain.calendar.windows import WEEK, CalendarScope, Day, Freeze, Window
from domain.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_EXCLUDED_ZONES = {"localtime", "Factory", "posixrules"}  # their meaning differs between machines
_FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse_window(
    name: str, *, zone: str, days: str, start: str, end: str, scope: CalendarScope
) -> Window:
    """Build a window; raises BadInput that names the wrong word and says what is possible."""
    return Window(
        name=_parse_name(name),
        zone=parse_zone(zone),
        days=parse_days(days),
        start=parse_clock(start, "--from"),
        end=parse_clock(end, "--to"),
        scope=scope,
    )


def build_freeze(
    name: str, *, begins: datetime, ends: datetime, scope: CalendarScope, reason: str
) -> Freeze:
    """Build a freeze; raises BadInput if it does not end after it begins."""
    if ends <= begins:
        raise BadInput(
            "the freeze does not end after it begins",
            where="--to",
            fix="Give a time after --from.",
            code="invalid-freeze",
        )
    return Freeze(name=_parse_name(name), begins=begins, ends=ends, scope=scope, reason=reason)


def build_scope(accounts: Sequence[str], tags: Sequence[str]) -> CalendarScope:
    """Build a scope with each name once; raises BadInput for a tag without a key."""
    for tag in tags:
        if not tag.partition("=")[0].strip():
            raise BadInput(
                f"{tag!r} is not a tag",
                where="--tag",
                fix="Give KEY=VALUE or KEY.",
                code="invalid-tag",
            )
    return CalendarScope(accounts=tuple(dict.fromkeys(accounts)), tags=tuple(dict.fromkeys(tags)))


def parse_zone(text: str) -> str:
    """The time zone of exactly this name; raises BadInput with the nearest names for any other."""
    zones = _list_zones()
    if text in zones:
        return text
    raise BadInput(
        f"there is no time zone {text[:64]!r}",
        where="--zone",
        fix=_suggest_zones(text, zones),
        code="unknown-time-zone",
    )


def parse_days(text: str) -> tuple[Day, ...]:
    """Days in the order of the week, from "daily", "mon-fri", "sat,sun" or "fri-mon,wed"."""
    chosen: set[Day] = set()
    for part in re.split(r"[,\s]+", text.strip().lower()):
        first, dash, last = part.partition("-")
        if part == "daily":
            chosen.update(WEEK)
        elif dash:
            chosen.update(_list_days_between(_parse_day(first, text), _parse_day(last, text)))
        else:
            chosen.add(_parse_day(part, text))
    return tuple(day for day in WEEK if day in chosen)


def parse_clock(text: str, where: str) -> time:
    """A time of day to the minute; "24:00" is the midnight at the end of the day."""
    stripped = text.strip()
    if stripped == "24:00":
        return time()
    clock = _CLOCK.fullmatch(stripped)
    if clock is None:
        raise BadInput(
            f"{text[:32]!r} is not a time of day",
            where=where,
            fix="Write it as 22:00, without seconds and without a zone.",
            code="invalid-time-of-day",
        )
    return time(int(clock.group(1)), int(clock.group(2)))


@cache
def _list_zones() -> frozenset[str]:
    return frozenset(available_timezones() - _EXCLUDED_ZONES)


def _suggest_zones(text: str, zones: frozenset[str]) -> str:
    """The most similar names; case is ignored, and the city alone is enough."""
    asked = text.strip().lower().replace(" ", "_")
    by_word: dict[str, list[str]] = {}
    for zone in sorted(zones):
        for word in {zone.lower(), zone.lower().rpartition("/")[2]}:
            by_word.setdefault(word, []).append(zone)
    words = [asked] if asked in by_word else get_close_matches(asked, by_word, n=3, cutoff=0.7)
    near = list(dict.fromkeys(zone for word in words for zone in by_word[word]))[:3]
    if not near:
        return "Give an IANA name, such as Europe/Berlin or Asia/Shanghai."
    return f"Did you mean {' or '.join(near)}?"


def _parse_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name[:64]!r} is not a valid name",
            fix="Use letters, digits, '.', '_' and '-', at most 63 of them; begin with a letter "
            "or a digit.",
            code="invalid-name",
        )
    return name


def _parse_day(word: str, text: str) -> Day:
    for day, full in zip(WEEK, _FULL_NAMES, strict=True):
        if len(word) >= 3 and full.startswith(word):
            return day
    raise BadInput(
        f"{word[:32]!r} in {text[:64]!r} is not a day of the week",
        where="--days",
        fix='Write "daily", "mon-fri" or "sat,sun".',
        code="invalid-day",
    )


def _list_days_between(first: Day, last: Day) -> list[Day]:
    begins, ends = WEEK.index(first), WEEK.index(last)
    return [WEEK[index % 7] for index in range(begins, ends + 1 + (7 if ends < begins else 0))]
