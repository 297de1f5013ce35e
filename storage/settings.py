"""Where certroll keeps its things and whom it talks to: environment variables CERTROLL_*."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from domain.calendar.next_opening import MARGIN
from domain.errors import BadInput
from domain.preflight.checks import Policy
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
    """Read from the environment; keyword arguments win. Bad values raise `BadInput`.

    `kek` is "ID:BASE64[,ID2:BASE64]", 32 bytes each, the first being the current one;
    `kek_file` holds the same, one "ID:BASE64" a line. With neither, `home`/kek is made on first
    use. `smtp_url` is "smtp://user:password@host:587", smtp+starttls:// to insist on encryption,
    or smtps:// for TLS from the first byte. `window_margin` ("48h", "2d") is how near the expiry of
    what is served has to be to the next opening to override maintenance windows and freezes.
    `keep_certificates` is how many former certificates of each resource stay in a provider's store
    for its way back ("all": none is removed after a task).
    `verify_every` is how often everything that was deployed is looked at again ("off": never).
    `expiry_watch` is how often contacts are told of what expires ("off": never by itself).
    `sync_every` is how often the inventory is synced by itself ("off": never), `inventory_age` how
    old it may be for a plan: what is older is synced first, and what a resource serves is read
    again where it was seen longer ago. A sync asks again what no listing tells, unless it was read
    within `read_age` ("15m"). `metrics_address` is where a worker answers Prometheus
    ("127.0.0.1:9464"; "9464" is on loopback too), None: nowhere.
    Preflight (docs/checks.md): `trust` is whose roots a chain must build to ("system", "certifi" or
    "mozilla", "none", or a file); None: those of Mozilla, and only a warning. `least_validity` is
    how long a certificate should be valid yet, `checks` ("C06=refuse,C12=off") what becomes of
    findings.
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
    window_margin: timedelta = MARGIN
    keep_certificates: Annotated[int, Field(ge=0)] | None = KEEP
    sync_every: timedelta | None = timedelta(hours=6)
    expiry_watch: timedelta | None = timedelta(hours=24)
    verify_every: timedelta | None = timedelta(hours=24)
    inventory_age: timedelta = INVENTORY_AGE
    read_age: timedelta = READ_AGE
    metrics_address: str | None = None
    trust: str | None = None
    least_validity: timedelta = timedelta(days=7)
    checks: str = ""
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

    @field_validator("sync_every", "expiry_watch", "verify_every", mode="before")
    @classmethod
    def _or_off(cls, every: object) -> object:
        if isinstance(every, str) and every.strip().lower() == "off":
            return None
        return every if every is None else cls._hours_or_days(every)

    @field_validator("sync_every", "expiry_watch", "verify_every")
    @classmethod
    def _not_always(cls, every: timedelta | None) -> timedelta | None:
        if every is not None and every < timedelta(hours=1):
            raise ValueError('it must be at least 1h, or "off"')
        return every

    @field_validator("window_margin", "inventory_age", "least_validity", mode="before")
    @classmethod
    def _hours_or_days(cls, margin: object) -> object:
        if isinstance(margin, timedelta):
            return margin
        told = _HOURS_OR_DAYS.fullmatch(str(margin).strip().lower())
        if told is None:
            raise ValueError("it must look like 48h or 2d")
        return timedelta(hours=int(told.group(1)) * (24 if told.group(2) == "d" else 1))

    @field_validator("read_age", mode="before")
    @classmethod
    def _minutes_or_hours(cls, age: object) -> object:
        if isinstance(age, timedelta):
            return age
        told = _MINUTES_OR_HOURS.fullmatch(str(age).strip().lower())
        if told is None:
            raise ValueError("it must look like 15m or 2h")
        return timedelta(minutes=int(told.group(1)) * (60 if told.group(2) == "h" else 1))

    @field_validator("keep_certificates", mode="before")
    @classmethod
    def _all_or_number(cls, told: object) -> object:
        if told is None or str(told).strip().lower() == "all":
            return None
        if not str(told).strip().isdecimal():
            raise ValueError("it must be a number, or all")
        return int(str(told))

    @field_validator("checks")
    @classmethod
    def _known_checks(cls, said: str) -> str:
        parse_policies([said], "CERTROLL_CHECKS")
        return said

    @property
    def check_policies(self) -> dict[str, Policy]:
        """What `trust` and `checks` say of each check that they name."""
        chosen = {} if self.trust is None else {"C06": Policy.REFUSE}
        return {**chosen, **parse_policies([self.checks], "CERTROLL_CHECKS")}

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

    @field_validator("metrics_address")
    @classmethod
    def _listening(cls, address: str | None) -> str | None:
        """A port alone is one on loopback."""
        if not address:
            return None
        full = f"{LOOPBACK}:{address}" if address.isdecimal() else address
        host, port = host_and_port(full)
        if not host or not 0 < port < 65536:
            raise ValueError("it must look like 127.0.0.1:9464, or 9464")
        return full

    def database(self) -> str:
        """The database's URL, with its password where it has one: never print it."""
        if self.database_url is not None:
            url = parse_database_url(self.database_url.get_secret_value())
        else:
            url = URL.create("sqlite", database=str(self.home / "certroll.db"))
        return url.render_as_string(hide_password=False)


def host_and_port(address: str) -> tuple[str, int]:
    """Both of "127.0.0.1:9464" or "[::1]:9464"; no host and port 0 where it is neither."""
    host, _, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    wrong = not port.isdecimal() or len(port) > 5 or (":" in host and bare == host)
    return ("", 0) if wrong else (bare, int(port))


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
