"""Where certroll keeps its things and whom it talks to: environment variables CERTROLL_*."""

from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from domain.errors import BadInput

_PREFIX = "CERTROLL_"
_SCHEMES = {"postgres", "postgresql", "postgresql+psycopg", "sqlite"}
_MAIL_SCHEMES = {"smtp", "smtps", "smtp+starttls"}


class Settings(BaseSettings):
    """Read from the environment; keyword arguments win. Bad values raise `BadInput`.

    `kek` is "ID:BASE64[,ID2:BASE64]", 32 bytes each, the first being the current one;
    `kek_file` holds the same, one "ID:BASE64" a line. With neither, `home`/kek is made on first
    use. `smtp_url` is "smtp://user:password@host:587", smtp+starttls:// to insist on encryption,
    or smtps:// for TLS from the first byte.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = Path("~/.certroll")
    database_url: SecretStr | None = None
    kek: SecretStr | None = None
    kek_file: Path | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    smtp_url: SecretStr | None = None
    mail_from: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            _refuse(error)

    @field_validator("home", "kek_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("home", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if value == "":
            raise ValueError("it is empty")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_database_url(url.get_secret_value())
        return url

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in _MAIL_SCHEMES or not parts.hostname:
                raise ValueError("it must look like smtp://user:password@host:587")
        return url

    @field_validator("temporal_address")
    @classmethod
    def _host_and_port(cls, address: str | None) -> str | None:
        if address is not None:
            host, _, port = address.rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError("it must look like HOST:PORT")
        return address

    def database(self) -> str:
        """The database's URL, with its password where it has one: never print it."""
        if self.database_url is not None:
            url = parse_database_url(self.database_url.get_secret_value())
        else:
            url = URL.create("sqlite", database=str(self.home / "certroll.db"))
        return url.render_as_string(hide_password=False)


def parse_database_url(text: str) -> URL:
    """SQLite in a file or PostgreSQL through psycopg; anything else raises `ValueError`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _SCHEMES:
        raise ValueError(
            "it must look like postgresql://user:password@host/name or sqlite:////path/to/file"
        )
    if url.drivername == "sqlite":
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise ValueError("SQLite needs a file, as in sqlite:////path/to/file")
        return url
    return url.set(drivername="postgresql+psycopg")


def _refuse(error: ValidationError) -> NoReturn:
    """Tells which variable is wrong without repeating its value, which may be secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = _PREFIX + "_".join(str(part) for part in first["loc"]).upper()
    what = first["msg"].removeprefix("Value error, ")
    raise BadInput(what, where=name, fix="Correct the variable or unset it.") from None
