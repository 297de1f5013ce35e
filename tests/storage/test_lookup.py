"""The error about an unknown name lists the nearest names."""

import re

from storage.lookup import build_ambiguous_error, build_unknown_error


def test_similar_names_are_suggested() -> None:
    refused = build_unknown_error("account", "maim", ["main", "spare", "other"])
    assert refused.code == "unknown-account"
    assert "main" in str(refused.fix)
    assert "spare" not in str(refused.fix)


def test_without_similar_names_some_names_are_listed() -> None:
    refused = build_unknown_error("task", "zzz", [f"name{number}" for number in range(7)])
    names = re.findall(r"name\d", str(refused.fix))
    assert names == [f"name{number}" for number in range(5)]
    assert "2 more" in str(refused.fix)
    assert build_unknown_error("task", "zzz", []).code == "unknown-task"


def test_an_ambiguous_prefix_is_refused_with_its_matches() -> None:
    refused = build_ambiguous_error("task", "a", ["ab", "aa"])
    assert refused.code == "ambiguous-task"
    assert "aa, ab" in refused.what
