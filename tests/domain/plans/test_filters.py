"""Filters of a wish: each alone, and what is no filter."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadInput
from domain.plans.filters import Filters
from domain.plans.request import PlanRequest
from domain.resources.resource import Binding, Resource

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAGS = {"env": "prod", "team": "shop", "empty": ""}


def place(*domains: str, key: str = "cn-hangzhou/LB-1/443/default") -> Resource:
    return Resource(account="main", service="alibaba.alb", key=key, domains=domains)


def filters(**asked: object) -> Filters:
    return Filters(PlanRequest.model_validate({"certificates": ("any",), **asked}))


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        (("env=prod",), True),
        (("env",), True),
        (("empty=",), True),
        (("env=test",), False),
        (("env=",), False),
        (("en",), False),
        (("env=prod", "team=shop"), True),
        (("env=prod", "team=web"), False),
    ],
)
def test_every_tag_that_is_named_has_to_be_there(tags: tuple[str, ...], taken: bool) -> None:
    assert (filters(tags=tags).place(place("a.example.com"), TAGS) is None) is taken


@pytest.mark.parametrize(
    ("glob", "taken"),
    [
        ("*.shop.example.com", True),
        ("*.SHOP.example.com.", True),
        ("api-*", True),
        ("api-?.shop.example.com", True),
        ("api-[1-3].shop.example.com", True),
        ("api-[!1].shop.example.com", False),
        ("api-1", False),
        ("shop.example.com", False),
        ("*/lb-1/*", True),
        ("CN-hangzhou/*", True),
        ("*.bücher.example", True),
        ("*.bucher.example", False),
    ],
)
def test_a_pattern_is_held_against_all_of_a_name_or_the_key(glob: str, taken: bool) -> None:
    resource = place("api-1.shop.example.com", "www.xn--bcher-kva.example")
    assert (filters(globs=(glob,)).place(resource, {}) is None) is taken


def test_one_pattern_of_several_is_enough() -> None:
    assert filters(globs=("x*", "api-*")).place(place("api-1.example.com"), {}) is None


@pytest.mark.parametrize(
    ("issuer", "taken"),
    [
        ("let's encrypt", True),
        ("ENCRYPT", True),
        ("Encrypt*", False),
        ("*encrypt r1?", True),
        ("encrypt r1", True),
        ("DigiCert", False),
    ],
)
def test_an_issuer_is_a_part_of_its_name_or_a_pattern_for_all_of_it(
    issuer: str, taken: bool
) -> None:
    served = filters(issuers=(issuer,)).served
    assert (served(Binding(issuer="Let's Encrypt R11")) is None) is taken
    assert served(Binding()) is not None
    assert served(None) is not None


def test_what_is_served_as_long_or_nobody_knows_until_when_is_left_out() -> None:
    served = filters(expiring_before=NOW).served
    assert served(Binding(not_after=NOW - timedelta(seconds=1))) is None
    assert served(Binding(not_after=NOW)) == "it serves until 2026-11-24 12:00 UTC"
    assert served(Binding()) == served(None) == "it serves until nobody knows"


def test_only_what_serves_one_of_the_named_certificates_is_taken() -> None:
    served = filters(serving=("aa", "bb")).served
    assert served(Binding(fingerprint="bb")) is None
    assert served(Binding(fingerprint="cc")) is not None
    assert served(None) is not None


def test_filters_of_several_kinds_all_narrow() -> None:
    both = filters(serving=("aa",), expiring_before=NOW)
    assert both.served(Binding(fingerprint="aa", not_after=NOW)) is not None
    assert both.served(Binding(fingerprint="aa", not_after=NOW - timedelta(days=1))) is None


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"tags": ("=prod",)}, "'=prod' is no tag"),
        ({"tags": (" env=prod",)}, "is no tag"),
        ({"tags": ("k" * 300,)}, "is no tag"),
        ({"globs": ("",)}, "'' is no pattern"),
        ({"globs": ("a..b",)}, "is no pattern"),
        ({"globs": ("a b",)}, "is no pattern"),
        ({"globs": ("a[1-",)}, "is no pattern"),
        ({"globs": ("bü*.example.com",)}, "is no pattern"),
        ({"globs": ("a" * 300,)}, "is no pattern"),
        ({"issuers": (" ",)}, "an issuer without a name"),
        ({"expiring_before": datetime(2026, 11, 24)}, "has no zone"),  # noqa: DTZ001 - on purpose
    ],
)
def test_what_is_no_filter_is_refused(asked: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint.replace("(", "\\(")):
        filters(**asked)
