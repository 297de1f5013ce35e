"""Reads the settings from environment variables CERTROLL_*.

The command line and the worker read them once at their start.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from domain.calendar.allowed_start import DEFAULT_EXPIRY_MARGIN
from domain.errors import BadInput
from domain.preflight.checks import CheckPolicy
from domain.preflight.finding import parse_policies
from domain.resources.inventory_sync import INVENTORY_AGE, READ_AGE
from domain.resources.retention import KEEP

LOOPBACK = "127.0.0.1"

_PREFIX = "CERTROLL_"
_SCHEMES = {"postgres", "postgresql", "postgresql+psycopg", "sqlite"}
_HOURS_OR_DAYS = re.compile(r"([0-9]{1,4})(h|d)")
_MINUTES_OR_HOURS = re.compile(r"([0-9]{1,4})(m|h)")
_MAIL_SCHEMES = {"smtp", "smtps", "smtp+starttls"}


class Settings(BaseSettings):
    """The settings of one process.

    Each field is read from the environment variable CERTROLL_<NAME>; a keyword argument takes
    precedence. A value that is not valid raises `BadInput` with the variable's name.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(Path("~/.certroll"), description="The folder for all local files.")
    database_url: SecretStr | None = Field(
        None,
        description="The database, as postgresql://user:password@host/name or "
        "sqlite:////path/to/file. Default: certroll.db in `home`.",
    )
    kek: SecretStr | None = Field(
        None,
        description="The key-encryption keys, as ID:BASE64[,ID2:BASE64]. Each key has 32 bytes. "
        "The first one is the current key.",
    )
    kek_file: Path | None = Field(
        None,
        description="A file with the key-encryption keys, one ID:BASE64 a line. Without `kek` and "
        "`kek_file`, certroll creates the file `kek` in `home` on first use.",
    )
    temporal_address: str | None = Field(
        None, description="The Temporal server, as HOST:PORT. Default: a local server."
    )
    temporal_namespace: str = Field("default", description="The namespace on the Temporal server.")
    smtp_url: SecretStr | None = Field(
        None,
        description="The mail server, as smtp://user:password@host:587. Use smtp+starttls:// to "
        "require encryption, smtps:// for TLS from the first byte.",
    )
    mail_from: str | None = Field(None, description="The sender of mails.")
    window_margin: timedelta = Field(
        DEFAULT_EXPIRY_MARGIN,
        description="A task ignores maintenance windows and freezes if the next window opens less "
        "than this before the served certificate expires, or after it. Hours or days: 48h, 2d.",
    )
    keep_certificates: Annotated[int, Field(ge=0)] | None = Field(
        KEEP,
        description="How many former certificates of each resource stay in the provider's store, "
        'so that a rollback can bind them. "all": certroll removes none.',
    )
    sync_every: timedelta | None = Field(
        timedelta(hours=6),
        description='How often certroll syncs the inventory by itself, as 6h or 1d. "off": never.',
    )
    expiry_watch: timedelta | None = Field(
        timedelta(hours=24),
        description="How often certroll notifies contacts of certificates that expire soon, as 24h "
        'or 1d. "off": never.',
    )
    verify_every: timedelta | None = Field(
        timedelta(hours=24),
        description="How often certroll verifies everything it has deployed, as 24h or 1d. "
        '"off": never.',
    )
    inventory_age: timedelta = Field(
        INVENTORY_AGE,
        description="How old the inventory may be for a plan. certroll syncs an older inventory "
        "first, and reads older bindings again. Hours or days: 8h, 1d.",
    )
    read_age: timedelta = Field(
        READ_AGE,
        description="A sync does not read a binding again that was read within this time, as 15m "
        "or 2h. This concerns services whose listings do not show bindings.",
    )
    metrics_address: str | None = Field(
        None,
        description="Where a worker serves Prometheus metrics, as 127.0.0.1:9464. A port alone is "
        "on loopback. Default: nowhere.",
    )
    trust: str | None = Field(
        None,
        description="The roots that a chain must lead to: system, certifi or mozilla, none, or a "
        "file. Default: Mozilla's, and a chain that does not lead there only causes a warning.",
    )
    least_validity: timedelta = Field(
        timedelta(days=7),
        description="Preflight reports certificates that expire sooner than this. Hours or days.",
    )
    checks: str = Field(
        "",
        description="The policy of preflight checks, as C06=refuse,C12=off (docs/checks.md).",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe messages that are logged."
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            _raise_bad_input(error)

    @field_validator("home", "kek_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("home", mode="before")
    @classmethod
    def _check_not_empty(cls, value: object) -> object:
        if value == "":
            raise ValueError("it is empty")
        return value

    @field_validator("sync_every", "expiry_watch", "verify_every", mode="before")
    @classmethod
    def _parse_interval(cls, every: object) -> object:
        if isinstance(every, str) and every.strip().lower() == "off":
            return None
        return every if every is None else cls._parse_hours_or_days(every)

    @field_validator("sync_every", "expiry_watch", "verify_every")
    @classmethod
    def _check_interval(cls, every: timedelta | None) -> timedelta | None:
        if every is not None and every < timedelta(hours=1):
            raise ValueError('it must be at least 1h, or "off"')
        return every

    @field_validator("window_margin", "inventory_age", "least_validity", mode="before")
    @classmethod
    def _parse_hours_or_days(cls, margin: object) -> object:
        if isinstance(margin, timedelta):
            return margin
        match = _HOURS_OR_DAYS.fullmatch(str(margin).strip().lower())
        if match is None:
            raise ValueError("it must look like 48h or 2d")
        return timedelta(hours=int(match.group(1)) * (24 if match.group(2) == "d" else 1))

    @field_validator("read_age", mode="before")
    @classmethod
    def _parse_minutes_or_hours(cls, age: object) -> object:
        if isinstance(age, timedelta):
            return age
        match = _MINUTES_OR_HOURS.fullmatch(str(age).strip().lower())
        if match is None:
            raise ValueError("it must look like 15m or 2h")
        return timedelta(minutes=int(match.group(1)) * (60 if match.group(2) == "h" else 1))

    @field_validator("keep_certificates", mode="before")
    @classmethod
    def _parse_number_or_all(cls, value: object) -> object:
        if value is None or str(value).strip().lower() == "all":
            return None
        if not str(value).strip().isdecimal():
            raise ValueError("it must be a number, or all")
        return int(str(value))

    @field_validator("checks")
    @classmethod
    def _check_policies(cls, value: str) -> str:
        parse_policies([value], "CERTROLL_CHECKS")
        return value

    @property
    def check_policies(self) -> dict[str, CheckPolicy]:
        """The policy of each preflight check that `trust` and `checks` set."""
        chosen = {} if self.trust is None else {"C06": CheckPolicy.REFUSE}
        return {**chosen, **parse_policies([self.checks], "CERTROLL_CHECKS")}

    @field_validator("log_level", mode="before")
    @classmethod
    def _to_upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_database_url(url.get_secret_value())
        return url

    @field_validator("smtp_url")
    @classmethod
    def _check_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in _MAIL_SCHEMES or not parts.hostname:
                raise ValueError("it must look like smtp://user:password@host:587")
        return url

    @field_validator("temporal_address")
    @classmethod
    def _check_host_and_port(cls, address: str | None) -> str | None:
        if address is not None:
            host, _, port = address.rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError("it must look like HOST:PORT")
        return address

    @field_validator("metrics_address")
    @classmethod
    def _parse_metrics_address(cls, address: str | None) -> str | None:
        """Adds the loopback address to a port alone."""
        if not address:
            return None
        full = f"{LOOPBACK}:{address}" if address.isdecimal() else address
        host, port = split_address(full)
        if not host or not 0 < port < 65536:
            raise ValueError("it must look like 127.0.0.1:9464, or 9464")
        return full

    def get_database_url(self) -> str:
        """The URL of the database. It can contain a password: never print it."""
        if self.database_url is not None:
            url = parse_database_url(self.database_url.get_secret_value())
        else:
            url = URL.create("sqlite", database=str(self.home / "certroll.db"))
        return url.render_as_string(hide_password=False)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:9464" or "[::1]:9464"; ("", 0) if the address is invalid."""
    host, _, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    wrong = not port.isdecimal() or len(port) > 5 or (":" in host and bare == host)
    return ("", 0) if wrong else (bare, int(port))


def parse_database_url(text: str) -> URL:
    """Parses the URL of an SQLite file or of PostgreSQL (psycopg); else raises `ValueError`."""
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


def _raise_bad_input(error: ValidationError) -> NoReturn:
    """Raises `BadInput` with the variable's name. It leaves out the value, which may be secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = _PREFIX + "_".join(str(part) for part in first["loc"]).upper()
    what = first["msg"].removeprefix("Value error, ")
    raise BadInput(
        what, where=name, fix="Correct the variable or unset it.", code="invalid-setting"
    ) from None
