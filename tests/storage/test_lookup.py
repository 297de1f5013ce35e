"""Someone who mistypes a name is told the nearest ones."""

from storage.lookup import ambiguous, unknown


def test_the_nearest_names_are_told() -> None:
    refused = unknown("account", "maim", ["main", "spare", "other"])
    assert str(refused) == "there is no account 'maim'. Did you mean main?"


def test_with_nothing_near_some_are_told() -> None:
    refused = unknown("task", "zzz", [f"name{number}" for number in range(7)])
    assert refused.fix == "There are: name0, name1, name2, name3, name4 and 2 more."
    assert unknown("task", "zzz", []).fix == "There is no task yet."


def test_an_ambiguous_beginning_is_told_with_what_it_begins() -> None:
    assert str(ambiguous("task", "a", ["ab", "aa"])) == (
        "'a' begins more than one task: aa, ab. Give more of it."
    )
