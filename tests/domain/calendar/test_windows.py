"""Scopes decide which targets a rule covers; days and scopes are formatted as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar.parsing import parse_days, parse_window
from domain.calendar.windows import (
    WEEK,
    Calendar,
    CalendarScope,
    CalendarTarget,
    Day,
    Window,
    format_days,
)

PROD = CalendarTarget(account="main", tags={"env": "prod", "team": ""})


@pytest.mark.parametrize(
    ("accounts", "tags", "covered"),
    [
        ((), (), True),
        (("main",), (), True),
        (("other", "main"), (), True),
        (("other",), (), False),
        ((), ("env=prod",), True),
        ((), ("env",), True),
        ((), ("env=test",), False),
        ((), ("env=",), False),
        ((), ("team=",), True),
        ((), ("region",), False),
        ((), ("env=test", "team"), True),
        (("main",), ("env=test",), False),
        (("other",), ("env=prod",), False),
        (("main",), ("env=prod",), True),
    ],
)
def test_a_scope_covers_targets_by_account_and_tag(
    accounts: tuple[str, ...], tags: tuple[str, ...], covered: bool
) -> None:
    assert CalendarScope(accounts=accounts, tags=tags).covers(PROD) is covered


def test_scopes_of_different_accounts_never_overlap() -> None:
    main, other = CalendarScope(accounts=("main",)), CalendarScope(accounts=("other",))
    assert not main.may_overlap(other)
    assert main.may_overlap(CalendarScope())
    assert main.may_overlap(CalendarScope(accounts=("other", "main"), tags=("env",)))


def test_a_scope_is_formatted_as_text() -> None:
    assert str(CalendarScope()) == "all"
    both = CalendarScope(accounts=("a", "b"), tags=("env=prod",))
    assert str(both) == "account a or b, tag env=prod"


def test_a_calendar_uses_tags_only_if_a_rule_names_one() -> None:
    made = named("nights", CalendarScope(accounts=("main",)))
    assert not Calendar(windows=(made,)).uses_tags
    assert Calendar(windows=(made, named("tagged", CalendarScope(tags=("env",))))).uses_tags
    assert Calendar().is_empty
    assert not Calendar(windows=(made,)).is_empty


def named(name: str, scope: CalendarScope) -> Window:
    return parse_window(name, zone="UTC", days="daily", start="1:00", end="2:00", scope=scope)


@given(st.sets(st.sampled_from(WEEK), min_size=1))
def test_formatted_days_are_parsed_again(days: set[Day]) -> None:
    ordered = tuple(day for day in WEEK if day in days)
    assert parse_days(format_days(ordered)) == ordered
