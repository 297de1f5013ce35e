"""Names that a change takes from clients, and which names a load balancer lets replace which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from domain.certificates.coverage import includes, not_included, uncovered
from domain.certificates.hostnames import is_wildcard

LABELS = st.sampled_from(["a", "b", "www", "example", "com"])
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
WILDCARDS = st.lists(LABELS, min_size=2, max_size=3).map(lambda it: "*." + ".".join(it))
NAMES = HOSTS | WILDCARDS
SOME = st.lists(NAMES, max_size=4)


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
def test_what_is_lost_is_each_old_name_that_no_new_one_covers(
    old: list[str], new: list[str], lost: tuple[str, ...]
) -> None:
    assert uncovered(old, new) == lost


@given(SOME, SOME)
def test_of_exact_names_those_are_lost_that_another_library_refuses(
    old: list[str], new: list[str]
) -> None:
    hosts = [name for name in old if not is_wildcard(name)]
    refused = [host for host in dict.fromkeys(hosts) if not usable(host, new)]
    assert list(uncovered(hosts, new)) == refused


@given(SOME, SOME)
def test_a_wildcard_is_lost_unless_it_is_there_again(old: list[str], new: list[str]) -> None:
    lost = [name for name in uncovered(old, new) if is_wildcard(name)]
    assert set(lost) == {name for name in old if is_wildcard(name)} - set(new)


@given(SOME, SOME)
def test_nothing_is_lost_by_adding_names(old: list[str], new: list[str]) -> None:
    assert uncovered(old, [*old, *new]) == ()
    assert set(uncovered(old, [*new, *old[:1]])) <= set(uncovered(old, new))


@pytest.mark.parametrize("new", ["example.com", "www.example.com", "*.example.com", "Example.com."])
def test_an_old_name_is_included_by_itself_and_by_what_ends_in_it(new: str) -> None:
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
def test_what_includes_a_name_and_what_does_not(new: str, old: str, fits: bool) -> None:
    assert includes(new, old) is fits


@given(HOSTS, st.lists(LABELS, min_size=1, max_size=2))
def test_every_name_below_an_old_one_includes_it(old: str, labels: list[str]) -> None:
    below = ".".join([*labels, old])
    assert includes(below, old)
    assert includes(f"*.{old}", old)
    assert not includes(old, below)


@given(NAMES, NAMES)
def test_what_includes_a_name_covers_it_or_ends_in_it(new: str, old: str) -> None:
    covered = old == new or (not is_wildcard(old) and usable(old, [new]))
    assert includes(new, old) is (covered or new.endswith(f".{old}"))


@given(SOME, SOME)
def test_each_old_name_needs_a_new_one(old: list[str], new: list[str]) -> None:
    missing = not_included(new, old)
    assert set(missing) == {one for one in old if not any(includes(each, one) for each in new)}
    assert not_included([*new, *old], old) == ()
