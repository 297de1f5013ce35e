"""Which certificate is taken for a resource, and that the index agrees with the slow way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.names import NameIndex, best, canonical, covers_all, why_best
from tests.domain.test_names import NAMES

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


def test_an_exact_name_wins_over_a_wildcard_that_expires_later() -> None:
    exact = Candidate("1", ("www.example.com",))
    broad = Candidate("2", ("*.example.com",), JANUARY + timedelta(days=90))
    assert best([broad, exact], ["WWW.example.com"]) is exact
    assert "names it" in why_best(exact, [broad, exact], ["www.example.com"])


def test_among_equals_the_latest_expiry_wins() -> None:
    soon = Candidate("2", ("*.example.com",))
    late = Candidate("1", ("*.example.com",), JANUARY + timedelta(days=90))
    assert best([late, soon], ["www.example.com"]) is late
    assert why_best(late, [soon, late], ["www.example.com"]) == (
        "expires last (2030-04-01) of 2 that cover it"
    )


def test_the_last_resort_is_the_fingerprint_whatever_the_order() -> None:
    one, two = Candidate("1", ("a.example.com",)), Candidate("2", ("a.example.com",))
    assert best([one, two], ["a.example.com"]) is best([two, one], ["a.example.com"]) is two
    assert "fingerprint decided" in why_best(two, [one, two], ["a.example.com"])


def test_only_what_covers_every_host_is_taken() -> None:
    both = Candidate("1", ("*.example.com", "example.com"))
    one = Candidate("2", ("www.example.com",), JANUARY + timedelta(days=90))
    hosts = ["www.example.com", "example.com"]
    assert best([one, both], hosts) is both
    assert why_best(both, [one, both], hosts) == "the only certificate that covers it"
    assert best([one], hosts) is None
    assert best([both], []) is None


@pytest.mark.parametrize("hosts", [[], [".example.com"], ["www.example.com", "bad..name"]])
def test_the_index_finds_nothing_for_what_are_no_hosts(hosts: list[str]) -> None:
    index = NameIndex([Candidate("1", ("*.example.com", "www.example.com"))])
    assert index.covering(hosts) == ()
    assert index.best(hosts) is None


@given(held=candidates(), hosts=st.lists(NAMES, max_size=3))
def test_the_index_finds_what_looking_at_each_would_find(
    held: list[Candidate], hosts: list[str]
) -> None:
    index = NameIndex(held)
    slow = {one for one in held if covers_all(one.names, hosts)}
    assert set(index.covering(hosts)) == slow
    assert index.best(hosts) == best(held, hosts)


@given(held=candidates().filter(bool), hosts=st.lists(NAMES, min_size=1, max_size=3))
def test_nothing_that_covers_is_better_than_the_best(
    held: list[Candidate], hosts: list[str]
) -> None:
    chosen = best(held, hosts)
    if chosen is None:
        assert not any(covers_all(one.names, hosts) for one in held)
        return

    def named(one: Candidate) -> int:
        return sum(canonical(host) in one.names for host in hosts)

    for other in held:
        if covers_all(other.names, hosts):
            assert (named(chosen), chosen.not_after) >= (named(other), other.not_after)
    assert why_best(chosen, held, hosts)
