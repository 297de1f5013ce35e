"""Filters of a plan request: each alone, and invalid ones."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import BadInput
from domain.plans.filters import Filters
from domain.plans.request import PlanRequest
from domain.resources.resource import Binding, Resource
from tests.support.refusals import has_code

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TAGS = {"env": "prod", "team": "shop", "empty": ""}


def build_resource(*domains: str, key: str = "cn-hangzhou/LB-1/443/default") -> Resource:
    return Resource(account="main", service="alibaba.alb", key=key, domains=domains)


API = build_resource("api-1.example.com")


def filters(**fields: object) -> Filters:
    return Filters(PlanRequest.model_validate({"certificates": ("any",), **fields}))


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
def test_a_resource_must_have_every_requested_tag(tags: tuple[str, ...], taken: bool) -> None:
    assert (
        filters(tags=tags).explain_resource_left_out(build_resource("a.example.com"), TAGS) is None
    ) is taken


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
def test_a_pattern_matches_a_whole_name_or_the_key(glob: str, taken: bool) -> None:
    resource = build_resource("api-1.shop.example.com", "www.xn--bcher-kva.example")
    assert (filters(globs=(glob,)).explain_resource_left_out(resource, {}) is None) is taken


def test_one_pattern_of_several_is_enough() -> None:
    assert (
        filters(globs=("x*", "api-*")).explain_resource_left_out(
            build_resource("api-1.example.com"), {}
        )
        is None
    )


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
    served = filters(issuers=(issuer,)).explain_binding_left_out
    assert (served(Binding(issuer="Let's Encrypt R11")) is None) is taken
    assert served(Binding()) is not None
    assert served(None) is not None


def test_certificates_that_expire_later_or_at_an_unknown_time_are_left_out() -> None:
    served = filters(expiring_before=NOW).explain_binding_left_out
    assert served(Binding(not_after=NOW - timedelta(seconds=1))) is None
    assert "2026-11-24 12:00 UTC" in (served(Binding(not_after=NOW)) or "")
    assert served(Binding()) == served(None) is not None


def test_only_resources_that_serve_a_requested_certificate_are_selected() -> None:
    served = filters(serving=("aa", "bb")).explain_binding_left_out
    assert served(Binding(fingerprint="bb")) is None
    assert served(Binding(fingerprint="cc")) is not None
    assert served(None) is not None


def test_filters_of_several_kinds_all_narrow() -> None:
    both = filters(serving=("aa",), expiring_before=NOW)
    assert both.explain_binding_left_out(Binding(fingerprint="aa", not_after=NOW)) is not None
    assert (
        both.explain_binding_left_out(Binding(fingerprint="aa", not_after=NOW - timedelta(days=1)))
        is None
    )


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"tags": ("=prod",)}, "invalid-tag", "--tag"),
        ({"tags": (" env=prod",)}, "invalid-tag", "--tag"),
        ({"tags": ("k" * 300,)}, "invalid-tag", "--tag"),
        ({"globs": ("",)}, "invalid-pattern", "--host"),
        ({"globs": ("a..b",)}, "invalid-pattern", "--host"),
        ({"globs": ("a b",)}, "invalid-pattern", "--host"),
        ({"globs": ("a[1-",)}, "invalid-pattern", "--host"),
        ({"globs": ("bü*.example.com",)}, "invalid-pattern", "--host"),
        ({"globs": ("a" * 300,)}, "invalid-pattern", "--host"),
        ({"issuers": (" ",)}, "invalid-issuer", "--issuer"),
        ({"expiring_before": datetime(2026, 11, 24)}, "no-time-zone", "--expiring-before"),  # noqa: DTZ001 - on purpose
    ],
)
def test_an_invalid_filter_is_refused(fields: dict[str, object], code: str, where: str) -> None:
    with pytest.raises(BadInput, check=has_code(code, where=where)):
        filters(**fields)
