"""Finds the first time at which all changes of a task may start; preflight and tasks ask for it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import combinations

from domain.calendar.time_spans import (
    TimeSpan,
    intersect_spans,
    list_open_spans,
    list_unfrozen_spans,
    merge_spans,
)
from domain.calendar.windows import (
    AllowedStart,
    Calendar,
    CalendarTarget,
    Freeze,
    StartReason,
    StartReasonCode,
    Window,
    format_minute,
)
from domain.errors import BadInput

HORIZON = timedelta(days=35)
"""How far to search after the last freeze: every weekly window opens in it several times."""

DEFAULT_EXPIRY_MARGIN = timedelta(hours=48)
MOMENT = timedelta(microseconds=1)

RuleSet = tuple[tuple[Window, ...], tuple[Freeze, ...]]


def find_allowed_start(
    at: datetime,
    now: datetime,
    calendar: Calendar,
    targets: Iterable[CalendarTarget],
    get_expiry: Callable[[], datetime | None] = lambda: None,
    margin: timedelta = DEFAULT_EXPIRY_MARGIN,
) -> AllowedStart:
    """Return `at` if changes to all targets may start then, else the next such time.

    Changes to a target may start while any window that covers it is open. If no window covers it,
    they may start at any time. They never start during a freeze. An `at` in the past means now.

    `get_expiry` gives the first expiry of the certificates in service; it is called only if `at` is
    not allowed. If less than `margin` lies between the next allowed time and that expiry, `at` is
    allowed nevertheless (`overridden`).

    Raises BadInput if the windows of the targets have no time in common.
    """
    rule_sets = _collect_rule_sets(calendar, targets)
    start = max(at, now)
    end = max([start, *(freeze.ends for _, freezes in rule_sets for freeze in freezes)]) + HORIZON
    spans_by_rules = {rules: _list_allowed_spans(rules, start, end) for rules in rule_sets}
    spans = [(start, end)]
    for each in spans_by_rules.values():
        spans = intersect_spans(spans, each)
    if spans and spans[0][0] == start:
        return AllowedStart(at=at, until=_get_end(spans[0], end))
    reasons = _list_reasons(spans_by_rules, start)
    override = _explain_override(spans, end, get_expiry(), margin)
    if override:
        return AllowedStart(at=at, reasons=(*reasons, override), overridden=True)
    if not spans:
        raise _build_no_common_window_error(spans_by_rules)
    return AllowedStart(at=spans[0][0], reasons=reasons, until=_get_end(spans[0], end))


def _collect_rule_sets(calendar: Calendar, targets: Iterable[CalendarTarget]) -> list[RuleSet]:
    """Each distinct set of windows and freezes once: many targets share few sets."""
    found: dict[RuleSet, None] = {}
    for target in targets:
        windows = tuple(each for each in calendar.windows if each.scope.covers(target))
        freezes = tuple(each for each in calendar.freezes if each.scope.covers(target))
        found[windows, freezes] = None
    return list(found)


def _list_allowed_spans(rules: RuleSet, start: datetime, end: datetime) -> list[TimeSpan]:
    windows, freezes = rules
    unfrozen = list_unfrozen_spans(freezes, start, end)
    if not windows:
        return unfrozen
    spans = (span for window in windows for span in list_open_spans(window, start, end))
    return intersect_spans(unfrozen, merge_spans(spans))


def _get_end(span: TimeSpan, horizon: datetime) -> datetime | None:
    return span[1] if span[1] < horizon else None


def _list_reasons(
    spans_by_rules: dict[RuleSet, list[TimeSpan]], start: datetime
) -> tuple[StartReason, ...]:
    """Why changes may not start at `start`; each reason once."""
    closed = [rules for rules, spans in spans_by_rules.items() if not spans or spans[0][0] > start]
    return tuple(dict.fromkeys(reason for rules in closed for reason in _explain(rules, start)))


def _explain(rules: RuleSet, at: datetime) -> list[StartReason]:
    windows, freezes = rules
    reasons = [
        StartReason(
            code=StartReasonCode.FREEZE,
            text=f"freeze {freeze.name!r} until {format_minute(freeze.ends)}: {freeze.reason}",
        )
        for freeze in freezes
        if freeze.begins <= at < freeze.ends
    ]
    if windows and not any(list_open_spans(each, at, at + MOMENT) for each in windows):
        text = f"outside of {_format_windows(windows)}"
        reasons.append(StartReason(code=StartReasonCode.OUTSIDE_WINDOWS, text=text))
    return reasons


def _explain_override(
    spans: Sequence[TimeSpan], end: datetime, expiry: datetime | None, margin: timedelta
) -> StartReason | None:
    """Why an expiry overrides windows and freezes; None if it does not."""
    next_start = spans[0][0] if spans else end
    if expiry is None or next_start <= expiry - margin:
        return None
    after = f"the next window opens {format_minute(next_start)}" if spans else "no window is common"
    text = (
        f"overridden: a certificate in service expires {format_minute(expiry)}, {after}, "
        f"and the margin is {margin / timedelta(hours=1):g} h"
    )
    return StartReason(code=StartReasonCode.EXPIRY_TOO_NEAR, text=text)


def _build_no_common_window_error(spans_by_rules: dict[RuleSet, list[TimeSpan]]) -> BadInput:
    for (one, first), (other, second) in combinations(spans_by_rules.items(), 2):
        if not intersect_spans(first, second):
            named = f"{_format_windows(one[0])} and {_format_windows(other[0])}"
            break
    else:
        named = _format_windows([each for windows, _ in spans_by_rules for each in windows])
    return BadInput(
        f"{named} have no time in common within {HORIZON.days} days",
        where="windows",
        fix="Create one task for each, make the windows overlap (certroll window add --replace), "
        "or add --ignore-windows REASON.",
        code=StartReasonCode.NO_COMMON_WINDOW,
    )


def _format_windows(windows: Sequence[Window]) -> str:
    word = "window" if len(windows) == 1 else "windows"
    return f"{word} {', '.join(f'{each.name!r} ({each.hours})' for each in windows)}"
