"""Which certificate is chosen for a resource; the index agrees with a slow comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.hostnames import covers_all, to_canonical
from domain.certificates.name_index import ChoiceRule, NameIndex
from tests.domain.certificates.test_hostnames import NAMES

JANUARY = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Candidate:
    fingerprint: str
    names: tuple[str, ...]
    not_after: datetime = JANUARY


def candidates() -> st.SearchStrategy[list[Candidate]]:
    one = st.builds(
        Candidate,
        fingerprint=st.text("abcdef0123456789", min_size=8, max_size=8),
        names=st.lists(NAMES | st.just("f*.bad.example"), max_size=4).map(tuple),
        not_after=st.integers(0, 3).map(lambda months: JANUARY + timedelta(days=30 * months)),
    )
    return st.lists(one, max_size=12, unique_by=lambda it: it.fingerprint)


def rank(one: Candidate, hosts: Sequence[str]) -> tuple[int, datetime, str]:
    """How many hosts it has as exact names, then its expiry, then the fingerprint."""
    own = {to_canonical(name) for name in one.names}
    return sum(to_canonical(host) in own for host in hosts), one.not_after, one.fingerprint


def slowly(stored: Sequence[Candidate], hosts: Sequence[str]) -> list[Candidate]:
    """All that cover the hosts, best first, by comparing each name with each."""
    fit = [one for one in stored if covers_all(one.names, hosts)]
    return sorted(fit, key=lambda one: rank(one, hosts), reverse=True)


def choose(stored: Sequence[Candidate], *hosts: str) -> tuple[Candidate, ChoiceRule]:
    choice = NameIndex(stored).choose(hosts)
    assert choice is not None
    return choice.certificate, choice.rule


def test_an_exact_name_wins_over_a_wildcard_that_expires_later() -> None:
    exact = Candidate("1", ("www.example.com",))
    broad = Candidate("2", ("*.example.com",), JANUARY + timedelta(days=90))
    assert choose([broad, exact], "WWW.example.com") == (exact, ChoiceRule.EXACT_NAME)


def test_among_equals_the_latest_expiry_wins() -> None:
    soon = Candidate("2", ("*.example.com",))
    late = Candidate("1", ("*.example.com",), JANUARY + timedelta(days=90))
    for stored in ([soon, late], [late, soon]):
        assert choose(stored, "www.example.com") == (late, ChoiceRule.EXPIRES_LAST)
    choice = NameIndex([soon, late]).choose(["www.example.com"])
    assert choice is not None
    assert "2030-04-01" in choice.reason


def test_the_last_resort_is_the_fingerprint_whatever_the_order() -> None:
    one, two = Candidate("1", ("a.example.com",)), Candidate("2", ("a.example.com",))
    for stored in ([one, two], [two, one]):
        assert choose(stored, "a.example.com") == (two, ChoiceRule.FINGERPRINT)


def test_only_a_certificate_that_covers_every_host_is_chosen() -> None:
    both = Candidate("1", ("*.example.com", "example.com"))
    one = Candidate("2", ("www.example.com",), JANUARY + timedelta(days=90))
    hosts = ["www.example.com", "example.com"]
    assert choose([one, both], *hosts) == (both, ChoiceRule.ONLY_ONE)
    assert NameIndex([one]).choose(hosts) is None


def test_a_certificate_that_does_not_fit_is_passed_over() -> None:
    exact = Candidate("1", ("www.example.com",))
    broad = Candidate("2", ("*.example.com",))
    choice = NameIndex([exact, broad]).choose(["www.example.com"], lambda one: one is not exact)
    assert choice is not None
    assert choice.certificate is broad


@pytest.mark.parametrize("hosts", [[], [".example.com"], ["www.example.com", "bad..name"]])
def test_the_index_finds_nothing_for_texts_that_are_not_host_names(hosts: list[str]) -> None:
    index = NameIndex([Candidate("1", ("*.example.com", "www.example.com"))])
    assert list(index.list_covering(hosts)) == []
    assert index.choose(hosts) is None


@given(stored=candidates(), hosts=st.lists(NAMES, max_size=3))
def test_the_index_finds_the_same_as_a_slow_comparison_in_the_same_order(
    stored: list[Candidate], hosts: list[str]
) -> None:
    index = NameIndex(stored)
    expected = slowly(stored, hosts)
    assert list(index.list_covering(hosts)) == expected
    choice = index.choose(hosts)
    assert (choice and choice.certificate) == (expected[0] if expected else None)
