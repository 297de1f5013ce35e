"""Which names a change loses, and which names a load balancer accepts in place of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from domain.certificates.coverage import list_names_not_included, list_uncovered_names
from domain.certificates.hostnames import is_wildcard

LABELS = st.sampled_from(["a", "b", "www", "example", "com"])
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
WILDCARDS = st.lists(LABELS, min_size=2, max_size=3).map(lambda it: "*." + ".".join(it))
NAMES = HOSTS | WILDCARDS
SOME = st.lists(NAMES, max_size=4)


def includes(new: str, old: str) -> bool:
    return list_names_not_included((new,), (old,)) == ()


def usable(host: str, names: list[str]) -> bool:
    """What another library says of RFC 9525."""
    try:
        identifier = DNS_ID(host)
        return any(identifier.verify(DNSPattern.from_bytes(name.encode())) for name in names)
    except CertificateError:
        return False


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        (["example.com"], ["example.com"], ()),
        (["www.example.com"], ["*.example.com"], ()),
        (["example.com"], ["*.example.com"], ("example.com",)),
        (["*.example.com"], ["www.example.com"], ("*.example.com",)),
        (["*.example.com"], ["*.example.com", "example.com"], ()),
        (["*.example.com"], ["*.www.example.com"], ("*.example.com",)),
        (["a.b.example.com"], ["*.example.com"], ("a.b.example.com",)),
        (["b.org", "a.org", "B.org."], ["c.org"], ("b.org", "a.org")),
        (["not a name"], ["not a name"], ()),
        (["not a name"], ["*.a name"], ("not a name",)),
        (["localhost"], ["example.com"], ("localhost",)),
        ([], ["example.com"], ()),
    ],
)
def test_each_old_name_that_no_new_name_covers_is_lost(
    old: list[str], new: list[str], lost: tuple[str, ...]
) -> None:
    assert list_uncovered_names(old, new) == lost


@given(SOME, SOME)
def test_the_exact_names_that_another_library_refuses_are_lost(
    old: list[str], new: list[str]
) -> None:
    hosts = [name for name in old if not is_wildcard(name)]
    refused = [host for host in dict.fromkeys(hosts) if not usable(host, new)]
    assert list(list_uncovered_names(hosts, new)) == refused


@given(SOME, SOME)
def test_a_wildcard_is_lost_unless_the_new_names_have_it(old: list[str], new: list[str]) -> None:
    lost = [name for name in list_uncovered_names(old, new) if is_wildcard(name)]
    assert set(lost) == {name for name in old if is_wildcard(name)} - set(new)


@given(SOME, SOME)
def test_nothing_is_lost_by_adding_names(old: list[str], new: list[str]) -> None:
    assert list_uncovered_names(old, [*old, *new]) == ()
    assert set(list_uncovered_names(old, [*new, *old[:1]])) <= set(list_uncovered_names(old, new))


@pytest.mark.parametrize("new", ["example.com", "www.example.com", "*.example.com", "Example.com."])
def test_a_name_is_included_by_itself_and_by_names_that_end_in_it(new: str) -> None:
    assert includes(new, "example.com")


@pytest.mark.parametrize(
    ("new", "old", "fits"),
    [
        ("*.example.com", "www.example.com", True),
        ("a.b.example.com", "example.com", True),
        ("*.example.com", "*.example.com", True),
        ("example.com", "www.example.com", False),
        ("myexample.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("www.example.com", "*.example.com", False),
        ("*.www.example.com", "*.example.com", False),
        ("api.example.com", "www.example.com", False),
        ("not a name", "not a name", False),
    ],
)
def test_a_name_is_included_by_a_wildcard_that_covers_it_but_not_by_others(
    new: str, old: str, fits: bool
) -> None:
    assert includes(new, old) is fits


@given(HOSTS, st.lists(LABELS, min_size=1, max_size=2))
def test_every_name_below_an_old_one_includes_it(old: str, labels: list[str]) -> None:
    below = ".".join([*labels, old])
    assert includes(below, old)
    assert includes(f"*.{old}", old)
    assert not includes(old, below)


@given(NAMES, NAMES)
def test_a_name_that_includes_another_covers_it_or_ends_in_it(new: str, old: str) -> None:
    covered = old == new or (not is_wildcard(old) and usable(old, [new]))
    assert includes(new, old) is (covered or new.endswith(f".{old}"))


@given(SOME, SOME)
def test_each_old_name_needs_a_new_name_that_includes_it(old: list[str], new: list[str]) -> None:
    missing = list_names_not_included(new, old)
    assert set(missing) == {one for one in old if not any(includes(each, one) for each in new)}
    assert list_names_not_included([*new, *old], old) == ()
