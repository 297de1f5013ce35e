"""Tests that the pages generated from the code are current and complete."""

from pathlib import Path

import pytest

import connectors
from docs import generate
from domain.tasks.status import OutcomeStatus, TaskStatus


def test_the_pages_in_the_project_are_not_stale() -> None:
    assert generate.list_stale(generate.FOLDER) == []


def test_the_check_names_the_stale_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "connectors.md is stale" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    with (tmp_path / "statuses.md").open("a") as page:
        page.write("more")
    assert generate.main(["--check"]) == 1
    assert "connectors.md" not in capsys.readouterr().err


def test_every_connector_is_described_with_its_permissions() -> None:
    page = generate.render_connectors()
    for service in connectors.list_services():
        connector = connectors.load_connector(service)
        assert f"### {service}\n" in page
        assert connector.title in page
        assert all(f"`{permission}`" in page for permission in connector.permissions)


def test_every_setting_is_described() -> None:
    fields = connectors.get_settings_model("alibaba").model_fields
    page = generate.render_connectors()
    assert all(
        f"`{name}`" in page and str(field.description) in page for name, field in fields.items()
    )


def test_every_status_is_listed_with_its_successors() -> None:
    page = generate.render_statuses()
    assert all(f"| `{status}` |" in page for status in (*TaskStatus, *OutcomeStatus))
    assert "| `draft` | `editing` | `scheduled`, `running`, `cancelled` |" in page
