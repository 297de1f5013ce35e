"""Which certificate is taken for a resource, and that the index agrees with the slow way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.hostnames import canonical, covers_all
from domain.certificates.name_index import NameIndex
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
    """How many hosts it names as they are, then until when it lasts, then the fingerprint."""
    own = {canonical(name) for name in one.names}
    return sum(canonical(host) in own for host in hosts), one.not_after, one.fingerprint


def slowly(held: Sequence[Candidate], hosts: Sequence[str]) -> list[Candidate]:
    """All that cover the hosts, best first, by comparing each name with each."""
    fit = [one for one in held if covers_all(one.names, hosts)]
    return sorted(fit, key=lambda one: rank(one, hosts), reverse=True)


def chosen(held: Sequence[Candidate], *hosts: str) -> tuple[Candidate, str]:
    choice = NameIndex(held).choose(hosts)
    assert choice is not None
    return choice.certificate, choice.why


def test_an_exact_name_wins_over_a_wildcard_that_expires_later() -> None:
    exact = Candidate("1", ("www.example.com",))
    broad = Candidate("2", ("*.example.com",), JANUARY + timedelta(days=90))
    assert chosen([broad, exact], "WWW.example.com") == (
        exact,
        "names it, where others cover it by a wildcard",
    )


def test_among_equals_the_latest_expiry_wins() -> None:
    soon = Candidate("2", ("*.example.com",))
    late = Candidate("1", ("*.example.com",), JANUARY + timedelta(days=90))
    why = "expires last (2030-04-01) of those that cover it"
    assert chosen([soon, late], "www.example.com") == (late, why)
    assert chosen([late, soon], "www.example.com") == (late, why)


def test_the_last_resort_is_the_fingerprint_whatever_the_order() -> None:
    one, two = Candidate("1", ("a.example.com",)), Candidate("2", ("a.example.com",))
    why = "equal to another; the fingerprint decided"
    assert chosen([one, two], "a.example.com") == chosen([two, one], "a.example.com") == (two, why)


def test_only_what_covers_every_host_is_taken() -> None:
    both = Candidate("1", ("*.example.com", "example.com"))
    one = Candidate("2", ("www.example.com",), JANUARY + timedelta(days=90))
    hosts = ["www.example.com", "example.com"]
    assert chosen([one, both], *hosts) == (both, "the only certificate that covers it")
    assert NameIndex([one]).choose(hosts) is None


def test_what_does_not_fit_is_passed_over() -> None:
    exact = Candidate("1", ("www.example.com",))
    broad = Candidate("2", ("*.example.com",))
    choice = NameIndex([exact, broad]).choose(["www.example.com"], lambda one: one is not exact)
    assert choice is not None
    assert choice.certificate is broad


@pytest.mark.parametrize("hosts", [[], [".example.com"], ["www.example.com", "bad..name"]])
def test_the_index_finds_nothing_for_what_are_no_hosts(hosts: list[str]) -> None:
    index = NameIndex([Candidate("1", ("*.example.com", "www.example.com"))])
    assert list(index.covering(hosts)) == []
    assert index.choose(hosts) is None


@given(held=candidates(), hosts=st.lists(NAMES, max_size=3))
def test_the_index_finds_what_looking_at_each_would_find_in_the_same_order(
    held: list[Candidate], hosts: list[str]
) -> None:
    index = NameIndex(held)
    expected = slowly(held, hosts)
    assert list(index.covering(hosts)) == expected
    choice = index.choose(hosts)
    assert (choice and choice.certificate) == (expected[0] if expected else None)
