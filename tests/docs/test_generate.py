"""Pages that are made from the code are what the code says."""

from pathlib import Path

import pytest

import connectors
from docs import generate
from domain.tasks.status import OutcomeStatus, TaskStatus


def test_the_pages_in_the_project_are_not_stale() -> None:
    assert generate.stale(generate.FOLDER) == []


def test_check_tells_which_page_is_stale(
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


def test_every_connector_is_described_with_all_it_needs() -> None:
    page = generate.connectors_page()
    for service in connectors.list_services():
        connector = connectors.load_connector(service)
        assert f"### {service}\n" in page
        assert connector.title in page
        assert all(f"`{permission}`" in page for permission in connector.permissions)


def test_every_setting_is_described() -> None:
    fields = connectors.get_settings_model("alibaba").model_fields
    page = generate.connectors_page()
    assert all(
        f"`{name}`" in page and str(field.description) in page for name, field in fields.items()
    )


def test_every_status_is_listed_with_what_may_follow() -> None:
    page = generate.statuses_page()
    assert all(f"| `{status}` |" in page for status in (*TaskStatus, *OutcomeStatus))
    assert "| `draft` | `editing` | `scheduled`, `running`, `cancelled` |" in page
