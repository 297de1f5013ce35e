"""Settings come from the environment, and bad ones are refused without being repeated."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.errors import BadInput
from storage.settings import Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CERTROLL_{name.upper()}", raising=False)


def test_the_default_database_lies_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings().home == Path("/somewhere/.certroll")
    assert Settings().database() == "sqlite:////somewhere/.certroll/certroll.db"


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTROLL_HOME", "/from/environment")
    monkeypatch.setenv("CERTROLL_LOG_LEVEL", "debug")
    assert Settings().home == Path("/from/environment")
    assert Settings(home=Path("/given")).home == Path("/given")
    assert Settings().log_level == "DEBUG"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_through_psycopg(scheme: str) -> None:
    settings = Settings(database_url=SecretStr(f"{scheme}://me:pass@db/certroll"))
    assert settings.database() == "postgresql+psycopg://me:pass@db/certroll"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://me:hidden-word@db/x", "postgresql://user:password@host/name"),
        ("DATABASE_URL", "no url hidden-word", "postgresql://user:password@host/name"),
        ("DATABASE_URL", "postgresql://me:hidden-word@db:port/x", "postgresql://user"),
        ("DATABASE_URL", "sqlite://", "SQLite needs a file"),
        ("SMTP_URL", "http://me:hidden-word@mail", "smtp://user:password@host:587"),
        ("TEMPORAL_ADDRESS", "hidden-word", "HOST:PORT"),
        ("LOG_LEVEL", "hidden-word", "'DEBUG'"),
        ("HOME", "", "empty"),
    ],
)
def test_a_bad_value_is_refused_by_its_name_only(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"CERTROLL_{name}", value)
    with pytest.raises(BadInput) as refused:
        Settings()
    assert refused.value.where == f"CERTROLL_{name}"
    assert says in str(refused.value)
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
