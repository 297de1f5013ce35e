"""Near misses: each kind, in a limited number of groups."""

from datetime import UTC, datetime

import pytest

from domain.certificates.name_index import NameIndex
from domain.plans.near_misses import (
    BARE,
    MAX_EXAMPLES,
    MAX_GROUPS,
    NONE_FOR_ALL,
    ONE_LABEL,
    SOME,
    NearMiss,
    NearMisses,
)
from tests.domain.certificates.test_name_index import Candidate


def missed(names: list[str], *resources: tuple[str, ...]) -> tuple[NearMiss, ...]:
    when = datetime(2030, 1, 1, tzinfo=UTC)
    index = NameIndex([Candidate(f"{n}", (name,), when) for n, name in enumerate(names)])
    misses = NearMisses(index)
    for domains in resources:
        misses.add(domains)
    return misses.list_groups()


@pytest.mark.parametrize(
    ("name", "host", "reason"),
    [
        ("*.example.com", "a.b.example.com", ONE_LABEL),
        ("*.example.com", "a.b.c.EXAMPLE.com.", ONE_LABEL),
        ("*.example.com", "example.com", BARE),
        ("example.com", "*.example.com", "only *.example.com covers a wildcard"),
    ],
)
def test_a_name_that_nearly_covers_a_host_is_a_near_miss_with_the_reason(
    name: str, host: str, reason: str
) -> None:
    (miss,) = missed([name], (host,))
    assert miss == NearMiss(name=name, reason=reason, hosts=(host,), resources=1)
    assert str(miss) == f"{name} does not cover {host}: {reason}"


def test_certificates_for_some_names_of_a_resource_are_a_near_miss() -> None:
    one, other = "a.example.com", "b.example.org"
    (part,) = missed([one], (one, other))
    assert part == NearMiss(name=None, reason=SOME, hosts=(other,), resources=1)
    assert str(part) == f"{other}: {SOME}"
    (split,) = missed([one, other], (one, other))
    assert (split.name, split.reason) == (None, NONE_FOR_ALL)


@pytest.mark.parametrize("host", ["www.example.org", "192.0.2.1", "com", "", "xexample.com"])
def test_a_host_that_no_name_nearly_covers_is_no_near_miss(host: str) -> None:
    assert missed(["*.example.com", "www.example.com"], (host,), ()) == ()


def test_equal_near_misses_are_one_group_with_some_hosts_and_their_number() -> None:
    hosts = [(f"a.b{n}.example.com",) for n in range(MAX_EXAMPLES + 3)]
    (miss,) = missed(["*.example.com"], *hosts)
    assert (len(miss.hosts), miss.resources) == (MAX_EXAMPLES, MAX_EXAMPLES + 3)
    assert " and 3 more: " in str(miss)


def test_of_many_near_misses_those_with_the_most_resources_are_listed() -> None:
    names = [f"*.n{number}.example" for number in range(MAX_GROUPS + 5)]
    hosts = [(f"a.b.n{number}.example",) for number in range(MAX_GROUPS + 5)]
    groups = missed(names, *hosts, hosts[-1])
    assert len(groups) == MAX_GROUPS
    assert (groups[0].name, groups[0].resources) == (names[-1], 2)
