"""Defines maintenance windows, freezes and their scopes; all layers above use these values."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from enum import StrEnum

from pydantic import AwareDatetime, Field

from domain.model import Value


class Day(StrEnum):
    """A day of the week; the members are in order."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Day)


class CalendarTarget(Value):
    """The account and the resource tags of a change: they decide which rules apply to it."""

    account: str
    tags: dict[str, str] = Field(default_factory=dict)


class CalendarScope(Value):
    """The targets that a rule applies to; without accounts and tags it applies to all.

    A tag is "key=value", or "key" for any value. If several accounts or tags are listed, one of
    them is enough. If both accounts and tags are listed, a target must match both.
    """

    accounts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def covers(self, target: CalendarTarget) -> bool:
        """Whether the rule applies to this target."""
        account = not self.accounts or target.account in self.accounts
        return account and (not self.tags or any(_has_tag(target.tags, tag) for tag in self.tags))

    def may_overlap(self, other: "CalendarScope") -> bool:
        """Whether both scopes may cover the same target; only their accounts are compared."""
        both_named = self.accounts and other.accounts
        return not both_named or not set(self.accounts).isdisjoint(other.accounts)

    def __str__(self) -> str:
        parts = [("account ", self.accounts), ("tag ", self.tags)]
        return ", ".join(word + " or ".join(names) for word, names in parts if names) or "all"


class CalendarRule(Value):
    """The base of windows and freezes."""

    name: str
    scope: CalendarScope = CalendarScope()


class Window(CalendarRule):
    """Changes may start on these days from `start` to `end`, by the clock of `zone`.

    If `end` is not after `start`, the window ends on the next day. `days` are the days on which it
    starts.
    """

    zone: str
    days: tuple[Day, ...]
    start: time
    end: time

    @property
    def hours(self) -> str:
        """Days, times and zone as text: "mon-fri 22:00-04:00 Europe/Berlin"."""
        return f"{format_days(self.days)} {self.start:%H:%M}-{self.end:%H:%M} {self.zone}"


class Freeze(CalendarRule):
    """No change starts from `begins` until `ends`."""

    begins: AwareDatetime
    ends: AwareDatetime
    reason: str


class Calendar(Value):
    """All windows and freezes."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether changes may start at any time."""
        return not (self.windows or self.freezes)

    @property
    def uses_tags(self) -> bool:
        """Whether any rule asks for tags; if not, nobody needs to look them up."""
        rules: tuple[CalendarRule, ...] = (*self.windows, *self.freezes)
        return any(rule.scope.tags for rule in rules)


class StartReasonCode(StrEnum):
    """Why changes may not start at the requested time, or may nevertheless."""

    FREEZE = "freeze"
    OUTSIDE_WINDOWS = "outside-windows"
    EXPIRY_TOO_NEAR = "expiry-too-near"
    """Overrides the others: a certificate in service expires before the next start."""
    NO_COMMON_WINDOW = "no-common-window"
    """The windows of the targets have no time in common."""


class StartReason(Value):
    """One reason; `text` names the rules and times."""

    code: StartReasonCode
    text: str


class AllowedStart(Value):
    """When changes may start: at the requested time, or later for the given reasons.

    `until` is when they may no longer start; None if that is not within the horizon. `overridden`
    means that windows and freezes ask for a later time, but a certificate expires too soon to wait.
    """

    at: datetime
    reasons: tuple[StartReason, ...] = ()
    until: datetime | None = None
    overridden: bool = False

    @property
    def reasons_text(self) -> str:
        """The reasons in one line."""
        return "; ".join(each.text for each in self.reasons)

    @property
    def move_text(self) -> str:
        """The new time and the reasons, for the audit log of a task that was moved."""
        return f"to {format_minute(self.at)}: {self.reasons_text}"


def format_minute(when: datetime) -> str:
    """The time in UTC to the minute: "2026-12-24 22:00 UTC"."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def format_days(days: Sequence[Day]) -> str:
    """The days in short: "daily", "mon-fri", "sat, sun"."""
    if len(days) == len(WEEK):
        return "daily"
    first, last = WEEK.index(days[0]), WEEK.index(days[-1])
    if len(days) > 2 and last - first == len(days) - 1:
        return f"{days[0]}-{days[-1]}"
    return ", ".join(days)


def _has_tag(tags: dict[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in tags and (not equals or tags[key] == value)
