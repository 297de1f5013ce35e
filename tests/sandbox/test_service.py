"""What a service module can rely on."""

from pathlib import Path

import pytest

from sandbox import services
from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.options import Options
from sandbox.service import Params

NEW_SERVICE = '''
"""A product of its own."""
from sandbox.service import Service, operation

class Weather(Service):
    product = "weather"
    version = "1999-01-01"

    @operation("DescribeWeather", resource="Town")
    def describe(self, call):
        return {"Sky": "blue"}

SERVICE = Weather
'''


def test_a_service_is_one_file_that_is_discovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weather.py").write_text(NEW_SERVICE)
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path)])
    found = {one.product: one for one in services.find_services(Cloud(Options()))}
    assert {"cas", "cdn", "weather"} <= set(found)
    account = Options().accounts[0]
    with pytest.raises(ValueError, match="weather"):
        found["weather"].seed(account, {}, keep_existing=False)


def test_flattened_lists_come_back_in_order() -> None:
    params = Params(
        {
            "Certificates.2.CertificateId": "b",
            "Certificates.1.CertificateId": "a",
            "Certificates.1.Domain": "a.example.com",
            "Ids.10": "z",
            "Ids.9": "y",
            "Certificatesque.1": "no",
        }
    )
    assert params.get_list("Certificates") == [
        {"CertificateId": "a", "Domain": "a.example.com"},
        {"CertificateId": "b"},
    ]
    assert [one[""] for one in params.get_list("Ids")] == ["y", "z"]


def test_parameters_are_typed_and_checked() -> None:
    params = Params({"Page": "2", "On": "True", "Off": "False", "Empty": "", "Text": "x"})
    assert params.get_number("Page", 1) == 2
    assert params.get_number("Absent", 7) == 7
    assert (params.get_flag("On"), params.get_flag("Off"), params.get_flag("Absent")) == (
        True,
        False,
        False,
    )
    assert params.require("Text") == "x"
    for call in (
        lambda: params.require("Empty"),
        lambda: params.get_number("Text", 1),
        lambda: params.get_number("Page", 1, high=1),
    ):
        with pytest.raises(ApiError):
            call()
