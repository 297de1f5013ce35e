"""`certroll connector`: the connectors' own words."""

import connectors
from tests.support.command_line import CommandLine


def test_every_connector_is_listed(certroll: CommandLine) -> None:
    result = certroll.json("connector", "list")
    assert [each["id"] for each in result] == connectors.list_services()
    lines = certroll("connector", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == connectors.list_services()


def test_one_is_shown_with_all_that_it_needs(certroll: CommandLine) -> None:
    kind = connectors.load_connector("alibaba.cdn")
    facts = certroll.json("connector", "show", "alibaba.cdn")
    assert facts["permissions"] == list(kind.permissions)
    assert facts["propagation_seconds"] == kind.propagation.total_seconds()
    text = certroll("connector", "show", "alibaba.cdn").stdout
    assert all(permission in text for permission in kind.permissions)
    assert facts["about"] in text


def test_a_provider_shows_its_settings(certroll: CommandLine) -> None:
    fields = connectors.get_settings_model("alibaba").model_fields
    result = certroll.json("connector", "show", "alibaba")
    assert [each["name"] for each in result["settings"]] == list(fields)
    text = certroll("connector", "show", "alibaba").stdout
    assert "access_key_id" in text
    assert "must be given" in text


def test_an_unknown_one_is_refused(certroll: CommandLine) -> None:
    assert certroll.error("connector", "show", "alibaba.cdm")["code"] == "unknown-service"
