"""Which certificate a new one replaces, what it is called, and which names are lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.certificate import Certificate, check_name
from domain.certificates.keys import Algorithm
from domain.certificates.renewal import (
    RenewalMode,
    RenewalPolicy,
    build_successor_name,
    choose_predecessor,
    find_newest,
    is_renewal_of,
    list_lost_names,
    list_predecessor_candidates,
    list_predecessors,
)
from domain.errors import BadInput

DAY = timedelta(days=1)
BEGIN = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
HOSTS = ("a.example.com", "b.example.com", "*.example.com", "example.com")


def certificate(
    number: int = 0,
    names: Sequence[str] = ("a.example.com",),
    *,
    algorithm: Algorithm = Algorithm.EC,
    addresses: Sequence[str] = (),
    days: int = 90,
) -> Certificate:
    """One for these names that lasts so many days; `number` makes it another one."""
    return Certificate(
        fingerprint=f"{number:064x}",
        sha1="ef" * 20,
        name=f"c{number}",
        names=tuple(names),
        addresses=tuple(addresses),
        algorithm=algorithm,
        key_bits=256,
        serial="1f",
        issuer="CN=Issuer",
        subject="CN=a.example.com",
        not_before=BEGIN,
        not_after=BEGIN + days * DAY,
        chain_pem="",
    )


certificates = st.builds(
    certificate,
    st.integers(0, 30),
    st.lists(st.sampled_from(HOSTS), min_size=1, max_size=3, unique=True),
    algorithm=st.sampled_from(Algorithm),
    addresses=st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2"]), unique=True),
    days=st.integers(1, 5),
)


def unique(stored: Sequence[Certificate]) -> list[Certificate]:
    return list({each.fingerprint: each for each in stored}.values())


@given(new=certificates, old=certificates)
def test_a_renewal_has_the_same_names_and_kind_of_key_and_expires_later(
    new: Certificate, old: Certificate
) -> None:
    same = (
        sorted(new.names) == sorted(old.names)
        and sorted(new.addresses) == sorted(old.addresses)
        and new.algorithm == old.algorithm
    )
    later = new.not_after > old.not_after and new.fingerprint != old.fingerprint
    assert is_renewal_of(new, old) == (same and later)
    assert not (is_renewal_of(new, old) and is_renewal_of(old, new))


@given(new=certificates, stored=st.lists(certificates, max_size=12), data=st.data())
def test_a_certificate_that_has_a_successor_is_no_candidate(
    new: Certificate, stored: list[Certificate], data: st.DataObject
) -> None:
    stored = unique(stored)
    ids = [each.fingerprint for each in stored]
    links = dict(zip(ids, data.draw(st.permutations(ids)), strict=True)) if ids else {}
    links = {new: old for new, old in links.items() if data.draw(st.booleans()) and new != old}
    fit = list_predecessor_candidates(new, stored, links)
    followed = {old for after, old in links.items() if after != new.fingerprint}
    assert [each.name for each in fit] == sorted(each.name for each in fit)
    for each in stored:
        free = each.fingerprint not in followed
        assert (each in fit) == (free and is_renewal_of(new, each))


def test_several_candidates_are_an_error_that_lists_them() -> None:
    new, *old = certificate(9), certificate(1, days=1), certificate(2, days=2)
    assert choose_predecessor(new, ()) is None
    assert choose_predecessor(new, old[:1]) == old[0]
    with pytest.raises(BadInput) as refused:
        choose_predecessor(new, old)
    for each in old:
        assert f"{each.name} ({each.short_fingerprint})" in refused.value.what
    assert (refused.value.code, refused.value.where) == ("several-predecessors", "--replaces")


@given(length=st.integers(1, 30), at=st.integers(0, 29))
def test_a_line_leads_from_any_certificate_to_its_newest_and_back_to_its_oldest(
    length: int, at: int
) -> None:
    line = [f"{number:064x}" for number in range(length)]
    links = {new: old for old, new in pairwise(line)}
    start = line[at % length]
    assert find_newest(start, links) == line[-1]
    assert list_predecessors(start, links) == tuple(reversed(line[: at % length]))


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_a_circle_of_links_ends(links: dict[str, str]) -> None:
    for start in "abcdef":
        found = list_predecessors(start, links)
        assert len(set(found)) == len(found)
        assert start not in found
        assert find_newest(start, links) in "abcdef"


names = st.text(st.sampled_from("ab -_.é"), min_size=1, max_size=63).map(str.strip).filter(bool)


@given(name=names, new=certificates, taken=st.sets(names))
def test_a_successor_always_gets_the_same_name_and_every_store_accepts_it(
    name: str, new: Certificate, taken: set[str]
) -> None:
    given_name = build_successor_name(name, new, {name, *taken})
    assert check_name(given_name) == given_name
    assert given_name not in {name, *taken}
    assert given_name == build_successor_name(name, new, {name, *taken})
    assert "-2026-11-24" in given_name


def test_the_second_certificate_of_a_day_gets_its_fingerprint_in_the_name() -> None:
    new = certificate(0xABCDEF12 << 224)
    assert build_successor_name("shop", new, {"shop"}) == "shop-2026-11-24"
    assert (
        build_successor_name("shop", new, {"shop", "shop-2026-11-24"}) == "shop-2026-11-24-abcdef12"
    )
    assert build_successor_name("x" * 63, new, ()) == f"{'x' * 52}-2026-11-24"


def test_names_and_addresses_that_only_the_former_has_are_lost() -> None:
    old = certificate(1, ["a.example.com", "shop.example.net"], addresses=["192.0.2.1"])
    assert list_lost_names(certificate(2, ["*.example.com"]), old) == (
        "shop.example.net",
        "192.0.2.1",
    )
    assert list_lost_names(old, certificate(2)) == ()


def test_the_default_policy_does_nothing() -> None:
    assert RenewalPolicy().mode is RenewalMode.MANUAL
    for days in (-1, 366):
        with pytest.raises(ValueError, match="rollback_days"):
            RenewalPolicy(rollback_days=days)
