"""What windows and freezes are for, and how they are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar.parsing import parse_days, window
from domain.calendar.windows import WEEK, Calendar, Day, Place, Scope, Window, shown_days

PROD = Place(account="main", tags={"env": "prod", "team": ""})


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
def test_a_scope_names_accounts_and_tags(
    accounts: tuple[str, ...], tags: tuple[str, ...], covered: bool
) -> None:
    assert Scope(accounts=accounts, tags=tags).covers(PROD) is covered


def test_scopes_of_different_accounts_never_meet() -> None:
    main, other = Scope(accounts=("main",)), Scope(accounts=("other",))
    assert not main.may_meet(other)
    assert main.may_meet(Scope())
    assert main.may_meet(Scope(accounts=("other", "main"), tags=("env",)))


def test_a_scope_is_told_in_words() -> None:
    assert str(Scope()) == "all"
    both = Scope(accounts=("a", "b"), tags=("env=prod",))
    assert str(both) == "account a or b, tag env=prod"


def test_tags_matter_only_where_some_rule_names_one() -> None:
    made = named("nights", Scope(accounts=("main",)))
    assert not Calendar(windows=(made,)).heeds_tags
    assert Calendar(windows=(made, named("tagged", Scope(tags=("env",))))).heeds_tags
    assert Calendar().is_empty
    assert not Calendar(windows=(made,)).is_empty


def named(name: str, scope: Scope) -> Window:
    return window(name, zone="UTC", days="daily", start="1:00", end="2:00", scope=scope)


@given(st.sets(st.sampled_from(WEEK), min_size=1))
def test_days_that_are_shown_are_read_again(days: set[Day]) -> None:
    ordered = tuple(day for day in WEEK if day in days)
    assert parse_days(shown_days(ordered)) == ordered
