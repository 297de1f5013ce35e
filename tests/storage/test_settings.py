"""Settings come from the environment, and bad ones are refused without being repeated."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.errors import BadInput
from storage.settings import Settings, split_address
from tests.support.refusals import has_code


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CERTROLL_{name.upper()}", raising=False)


def test_the_default_database_lies_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings().home == Path("/somewhere/.certroll")
    assert Settings().get_database_url() == "sqlite:////somewhere/.certroll/certroll.db"


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTROLL_HOME", "/from/environment")
    monkeypatch.setenv("CERTROLL_LOG_LEVEL", "debug")
    assert Settings().home == Path("/from/environment")
    assert Settings(home=Path("/given")).home == Path("/given")
    assert Settings().log_level == "DEBUG"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_through_psycopg(scheme: str) -> None:
    settings = Settings(database_url=SecretStr(f"{scheme}://me:pass@db/certroll"))
    assert settings.get_database_url() == "postgresql+psycopg://me:pass@db/certroll"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://me:hidden-word@db/x"),
        ("DATABASE_URL", "no url hidden-word"),
        ("DATABASE_URL", "postgresql://me:hidden-word@db:port/x"),
        ("DATABASE_URL", "sqlite://"),
        ("SMTP_URL", "http://me:hidden-word@mail"),
        ("TEMPORAL_ADDRESS", "hidden-word"),
        ("METRICS_ADDRESS", "hidden-word"),
        ("METRICS_ADDRESS", "127.0.0.1:0"),
        ("METRICS_ADDRESS", "65536"),
        ("METRICS_ADDRESS", "::1:9464"),
        ("METRICS_ADDRESS", ":9464"),
        ("LOG_LEVEL", "hidden-word"),
        ("HOME", ""),
    ],
)
def test_a_bad_value_is_refused_by_its_name_only(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CERTROLL_{name}", value)
    with pytest.raises(BadInput) as refused:
        Settings()
    assert refused.value.where == f"CERTROLL_{name}"
    assert refused.value.code == "invalid-setting"
    assert "hidden-word" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_secrets_are_not_shown() -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://me:hidden-word@db/x"),
        kek=SecretStr("a:hidden-word"),
        smtp_url=SecretStr("smtp://me:hidden-word@mail:587"),
    )
    assert "hidden-word" not in repr(settings)
    assert "hidden-word" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("9464", "127.0.0.1:9464"),
        ("0.0.0.0:9464", "0.0.0.0:9464"),
        ("[::1]:9464", "[::1]:9464"),
        ("", None),
    ],
)
def test_metrics_are_on_loopback_by_default(given: str, taken: str | None) -> None:
    assert Settings(metrics_address=given).metrics_address == taken
    assert Settings().metrics_address is None
    assert split_address("[::1]:9464") == ("::1", 9464)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("12h", timedelta(hours=12)),
        ("1d", timedelta(days=1)),
        ("Off", None),
        (None, timedelta(hours=6)),
    ],
)
def test_the_interval_of_syncs_is_configurable(
    monkeypatch: pytest.MonkeyPatch, given: str | None, taken: timedelta | None
) -> None:
    monkeypatch.delenv("CERTROLL_SYNC_EVERY", raising=False)
    if given is not None:
        monkeypatch.setenv("CERTROLL_SYNC_EVERY", given)
    assert Settings().sync_every == taken
    assert Settings().inventory_age == timedelta(hours=8)


@pytest.mark.parametrize("given", ["0h", "6", "never"])
def test_syncs_that_would_never_end_are_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("CERTROLL_SYNC_EVERY", given)
    with pytest.raises(BadInput, check=has_code("invalid-setting", where="CERTROLL_SYNC_EVERY")):
        Settings()
