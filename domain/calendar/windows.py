"""Maintenance windows and freezes, and what they hold for."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from enum import StrEnum

from pydantic import AwareDatetime, Field

from domain.model import Value


class Day(StrEnum):
    """A day of the week, in order."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Day)


class Place(Value):
    """What decides which windows and freezes a change heeds."""

    account: str
    tags: dict[str, str] = Field(default_factory=dict)


class Scope(Value):
    """Which places are meant. Neither accounts nor tags: all of them.

    A tag is "key=value", or "key" whatever its value. One account and one tag of those named is
    enough; where both are named, both have to fit.
    """

    accounts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def covers(self, place: Place) -> bool:
        """Whether this place is meant."""
        account = not self.accounts or place.account in self.accounts
        return account and (not self.tags or any(_has(place.tags, tag) for tag in self.tags))

    def may_meet(self, other: "Scope") -> bool:
        """Whether some place may be meant by both."""
        named = self.accounts and other.accounts
        return not named or not set(self.accounts).isdisjoint(other.accounts)

    def __str__(self) -> str:
        parts = [("account ", self.accounts), ("tag ", self.tags)]
        return ", ".join(word + " or ".join(names) for word, names in parts if names) or "all"


class Scoped(Value):
    """What holds for some places, under a name."""

    name: str
    scope: Scope = Scope()


class Window(Scoped):
    """When changes may be made: on these days, from `start` to `end` by the clock of `zone`.

    An end that is not after the start is on the next day. `days` are those of the start.
    """

    zone: str
    days: tuple[Day, ...]
    start: time
    end: time

    @property
    def hours(self) -> str:
        """As a person reads it: "mon-fri 22:00-04:00 Europe/Berlin"."""
        return f"{shown_days(self.days)} {self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


class Freeze(Scoped):
    """From when until when no change is begun, and why."""

    begins: AwareDatetime
    ends: AwareDatetime
    reason: str


class Calendar(Value):
    """All windows and freezes there are."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ever closed."""
        return not (self.windows or self.freezes)

    @property
    def heeds_tags(self) -> bool:
        """Whether the tags of a place make a difference."""
        everything: tuple[Scoped, ...] = (*self.windows, *self.freezes)
        return any(each.scope.tags for each in everything)


class Opening(Value):
    """When changes may begin: the time that was asked for, or a later one with the reasons.

    `until` is when it closes again, None where that is not in sight. `overridden` says that
    windows and freezes would have it later, and that an expiry is too near for that.
    """

    at: datetime
    reasons: tuple[str, ...] = ()
    until: datetime | None = None
    overridden: bool = False

    @property
    def why(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.reasons)

    @property
    def moved(self) -> str:
        """What an audit says of a task that was moved here."""
        return f"to {shown_moment(self.at)}: {self.why}"


def shown_moment(when: datetime) -> str:
    """To the minute, in UTC: "2026-12-24 22:00 UTC"."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def shown_days(days: Sequence[Day]) -> str:
    """The days in few words: "daily", "mon-fri", "sat, sun"."""
    if len(days) == len(WEEK):
        return "daily"
    first, last = WEEK.index(days[0]), WEEK.index(days[-1])
    if len(days) > 2 and last - first == len(days) - 1:
        return f"{days[0]}-{days[-1]}"
    return ", ".join(days)


def _has(tags: dict[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in tags and (not equals or tags[key] == value)
