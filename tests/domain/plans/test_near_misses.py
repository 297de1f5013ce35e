"""What nearly matched: each kind of near miss, in bounded groups."""

from datetime import UTC, datetime

import pytest

from domain.certificates.name_index import NameIndex
from domain.plans.near_misses import MOST_EXAMPLES, MOST_GROUPS, NearMiss, NearMisses
from tests.domain.certificates.test_name_index import Candidate


def missed(names: list[str], *resources: tuple[str, ...]) -> tuple[NearMiss, ...]:
    when = datetime(2030, 1, 1, tzinfo=UTC)
    index = NameIndex([Candidate(f"{n}", (name,), when) for n, name in enumerate(names)])
    misses = NearMisses(index)
    for domains in resources:
        misses.add(domains)
    return misses.told()


@pytest.mark.parametrize(
    ("name", "host", "told"),
    [
        (
            "*.example.com",
            "a.b.example.com",
            "*.example.com does not cover a.b.example.com: a wildcard stands for exactly one label",
        ),
        (
            "*.example.com",
            "a.b.c.EXAMPLE.com.",
            "*.example.com does not cover a.b.c.EXAMPLE.com.: "
            "a wildcard stands for exactly one label",
        ),
        (
            "*.example.com",
            "example.com",
            "*.example.com does not cover example.com: a wildcard does not cover the bare domain",
        ),
        (
            "example.com",
            "*.example.com",
            "example.com does not cover *.example.com: only *.example.com covers a wildcard",
        ),
    ],
)
def test_a_name_that_nearly_covers_a_host_is_told_with_the_reason(
    name: str, host: str, told: str
) -> None:
    (miss,) = missed([name], (host,))
    assert str(miss) == told


def test_certificates_for_a_part_of_a_resource_s_names_are_told() -> None:
    one, other = "a.example.com", "b.example.org"
    (part,) = missed([one], (one, other))
    assert str(part) == "b.example.org: of this resource's names only others are covered"
    (split,) = missed([one, other], (one, other))
    assert str(split).endswith("no single certificate covers all names of this resource")


@pytest.mark.parametrize("host", ["www.example.org", "192.0.2.1", "com", "", "xexample.com"])
def test_what_is_far_from_all_names_is_no_near_miss(host: str) -> None:
    assert missed(["*.example.com", "www.example.com"], (host,), ()) == ()


def test_the_same_miss_is_told_once_with_a_few_hosts_and_how_many_there_are() -> None:
    hosts = [(f"a.b{n}.example.com",) for n in range(MOST_EXAMPLES + 3)]
    (miss,) = missed(["*.example.com"], *hosts)
    assert (len(miss.hosts), miss.resources) == (MOST_EXAMPLES, MOST_EXAMPLES + 3)
    assert " and 3 more: a wildcard" in str(miss)


def test_of_many_misses_those_of_most_resources_are_told() -> None:
    names = [f"*.n{number}.example" for number in range(MOST_GROUPS + 5)]
    hosts = [(f"a.b.n{number}.example",) for number in range(MOST_GROUPS + 5)]
    told = missed(names, *hosts, hosts[-1])
    assert len(told) == MOST_GROUPS
    assert (told[0].name, told[0].resources) == (names[-1], 2)
