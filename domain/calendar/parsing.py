"""Windows and freezes out of a person's words."""

import re
from collections.abc import Sequence
from datetime import datetime, time
from difflib import get_close_matches
from functools import cache
from zoneinfo import available_timezones

from domain.calendar.windows import WEEK, Day, Freeze, Scope, Window
from domain.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_NO_ZONES = {"localtime", "Factory", "posixrules"}  # what these mean differs between machines
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def window(name: str, *, zone: str, days: str, start: str, end: str, scope: Scope) -> Window:
    """The window as told; `BadInput` says which word is wrong and what would do."""
    return Window(
        name=_named(name),
        zone=zone_named(zone),
        days=parse_days(days),
        start=parse_clock(start, "--from"),
        end=parse_clock(end, "--to"),
        scope=scope,
    )


def freeze(name: str, *, begins: datetime, ends: datetime, scope: Scope, reason: str) -> Freeze:
    """The freeze as told; `BadInput` if it ends before it begins."""
    if ends <= begins:
        raise BadInput(
            "the freeze ends before it begins", where="--to", fix="Give a time after --from."
        )
    return Freeze(name=_named(name), begins=begins, ends=ends, scope=scope, reason=reason)


def scope_of(accounts: Sequence[str], tags: Sequence[str]) -> Scope:
    """The scope, each name once; `BadInput` for a tag without a key."""
    for tag in tags:
        if not tag.partition("=")[0].strip():
            raise BadInput(f"{tag!r} is no tag", where="--tag", fix="Give KEY=VALUE or KEY.")
    return Scope(accounts=tuple(dict.fromkeys(accounts)), tags=tuple(dict.fromkeys(tags)))


def zone_named(text: str) -> str:
    """The zone of exactly this name; `BadInput` with the nearest names for any other."""
    zones = _zones()
    if text in zones:
        return text
    raise BadInput(f"there is no zone {text[:64]!r}", where="--zone", fix=_nearest(text, zones))


def parse_days(text: str) -> tuple[Day, ...]:
    """Days in order of the week, out of "daily", "mon-fri", "sat,sun" or "fri-mon,wed"."""
    chosen: set[Day] = set()
    for part in re.split(r"[,\s]+", text.strip().lower()):
        first, dash, last = part.partition("-")
        if part == "daily":
            chosen.update(WEEK)
        elif dash:
            chosen.update(_from_to(_day(first, text), _day(last, text)))
        else:
            chosen.add(_day(part, text))
    return tuple(day for day in WEEK if day in chosen)


def parse_clock(text: str, where: str) -> time:
    """A time of day to the minute; "24:00" is the midnight that the day ends with."""
    stripped = text.strip()
    if stripped == "24:00":
        return time()
    clock = _CLOCK.fullmatch(stripped)
    if clock is None:
        raise BadInput(
            f"{text[:32]!r} is no time of day",
            where=where,
            fix="Write it as 22:00, without seconds and without a zone.",
        )
    return time(int(clock.group(1)), int(clock.group(2)))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_ZONES)


def _nearest(text: str, zones: frozenset[str]) -> str:
    """Names alike: whatever their case, and by the city alone."""
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


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name[:64]!r} cannot be a name here",
            fix="Use letters, digits, '.', '_' and '-', beginning with a letter or digit.",
        )
    return name


def _day(word: str, text: str) -> Day:
    for day, full in zip(WEEK, _FULL, strict=True):
        if len(word) >= 3 and full.startswith(word):
            return day
    raise BadInput(
        f"{word[:32]!r} in {text[:64]!r} is no day of the week",
        where="--days",
        fix='Write "daily", "mon-fri" or "sat,sun".',
    )


def _from_to(first: Day, last: Day) -> list[Day]:
    begins, ends = WEEK.index(first), WEEK.index(last)
    return [WEEK[place % 7] for place in range(begins, ends + 1 + (7 if ends < begins else 0))]
