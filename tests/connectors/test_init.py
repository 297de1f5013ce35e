"""Connectors are found by looking, and loaded when first used."""

import subprocess
import sys

import pytest

import connectors
from domain.errors import BadInput
from domain.resources.connector import Connector
from tests.support.practice_cloud import ROOT

KEYS = {"access_key_id": "id", "access_key_secret": "do-not-show"}


def test_all_are_found_without_importing_any() -> None:
    code = (
        "import sys, connectors;"
        "print(*connectors.list_services(), 'connectors.alibaba' in sys.modules)"
    )
    *names, imported = python(code).split()
    files = (ROOT / "connectors").glob("*/[!_]*.py")
    assert names == sorted(f"{file.parent.name}.{file.stem}" for file in files)
    assert {"alibaba.cas", "alibaba.cdn"} < set(names)
    assert imported == "False"


def test_loading_all_does_not_load_the_official_client() -> None:
    code = (
        "import sys, connectors;"
        "[connectors.load_connector(name) for name in connectors.list_services()];"
        "print('alibabacloud_tea_openapi' in sys.modules)"
    )
    assert python(code) == "False"


def test_a_service_is_its_path() -> None:
    connector = connectors.load_connector("alibaba.cdn")
    assert issubclass(connector, Connector)
    assert connector.__module__ == "connectors.alibaba.cdn"


@pytest.mark.parametrize(
    ("service", "near"),
    [("alibaba.cnd", "alibaba.cdn"), ("cdn", "alibaba.cdn"), ("alibaba._base", "alibaba.")],
)
def test_an_unknown_service_is_refused_with_similar_ones(service: str, near: str) -> None:
    with pytest.raises(BadInput) as refused:
        connectors.load_connector(service)
    assert refused.value.code == "unknown-service"
    fix = refused.value.fix or ""
    assert near in fix
    assert not all(name in fix for name in connectors.list_services())


@pytest.mark.parametrize("service", ["nginx", "", "../x"])
def test_a_service_that_resembles_none_is_refused_with_all(service: str) -> None:
    with pytest.raises(BadInput) as refused:
        connectors.load_connector(service)
    assert refused.value.code == "unknown-service"
    assert all(name in (refused.value.fix or "") for name in connectors.list_services())


def test_a_provider_has_one_settings_model() -> None:
    assert "alibaba" in connectors.list_providers()
    assert "access_key_id" in connectors.get_settings_model("alibaba").model_fields


def test_an_unknown_provider_is_refused_naming_near_ones() -> None:
    with pytest.raises(BadInput) as refused:
        connectors.get_settings_model("aliababa")
    assert refused.value.code == "unknown-provider"
    assert "alibaba" in (refused.value.fix or "")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"site": "mars"}, "site"),
        ({"shoe_size": "43"}, "shoe_size"),
        ({"read_timeout": "soon"}, "read_timeout"),
        ({"access_key_id": " "}, "access_key_id"),
        ({"access_key_secret": ""}, "access_key_secret"),
    ],
)
def test_wrong_settings_are_named_and_never_shown(wrong: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        connectors.parse_settings("alibaba", {**KEYS, **wrong})
    assert refusal.value.code == "wrong-settings"
    assert field in refusal.value.what
    assert "do-not-show" not in f"{refusal.value!r}{refusal.value}"
    assert refusal.value.__context__ is None


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout[:-1]
