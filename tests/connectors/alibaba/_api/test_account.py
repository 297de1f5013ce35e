"""Settings of an account at Alibaba Cloud."""

import pytest
from pydantic import ValidationError

from connectors.alibaba._api.account import AlibabaSettings, Site, is_loopback

KEYS = {"access_key_id": "id", "access_key_secret": "secret"}


def read(**values: str) -> AlibabaSettings:
    return AlibabaSettings.model_validate({**KEYS, **values})


def test_text_from_a_command_line_is_enough() -> None:
    settings = read(regions="cn-hangzhou, cn-beijing", connect_timeout="2.5", site="intl")
    assert settings.regions == ("cn-hangzhou", "cn-beijing")
    assert settings.connect_timeout == 2.5
    assert settings.site is Site.INTL


def test_the_secret_does_not_show() -> None:
    assert "secret'" not in repr(read()).replace("access_key_secret", "")


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:1234", "http://localhost:1", "http://[::1]:1", "https://a.b"]
)
def test_an_endpoint_is_a_url(endpoint: str) -> None:
    assert read(endpoint=f"{endpoint}/").endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:1",
        "ftp://a.b",
        "https://",
        "https://a.b/path",
        "https://me:pw@a.b",
        "https://a?b",
    ],
)
def test_anything_else_is_no_endpoint(endpoint: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(endpoint=endpoint)
    assert [one["loc"] for one in refused.value.errors()] == [("endpoint",)]


def test_private_keys_go_nowhere_without_encryption() -> None:
    with pytest.raises(ValidationError) as refused:
        read(endpoint="http://cloud.example.com")
    assert [one["loc"] for one in refused.value.errors()] == [("endpoint",)]


def test_each_site_has_its_region() -> None:
    assert [Site.from_region(site.region) for site in Site] == list(Site)


def test_loopback_is_recognized_by_its_text() -> None:
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "10.0.0.1", "a.b")] == [
        *(True, True, False, False)
    ]
