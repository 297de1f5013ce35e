"""`certroll account`: credentials at a provider, checked before they are stored."""

from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, Yes, ask_secret, can_ask, confirm, opened, secret_from
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_fields, show_json, show_table

if TYPE_CHECKING:
    from domain.resources.account import Account

app = typer.Typer(no_args_is_help=True)

VARIABLE = "CERTROLL_ACCESS_KEY_SECRET"
LONGEST_PROPAGATION = 86_400.0
FASTEST = 10_000.0
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9 and -, at most 31.")],
    provider: Annotated[
        str, typer.Option("--provider", metavar="PROVIDER", help="For example alibaba.")
    ],
    access_key_id: Annotated[
        str, typer.Option("--access-key-id", metavar="ID", help="The key's public half.")
    ],
    access_key_secret_file: Annotated[
        Path | None,
        typer.Option(
            "--access-key-secret-file", metavar="FILE", help=f"Else {VARIABLE}, else it is asked."
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="cn|intl", help="Where the account is held.")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="REGION", help="Look into this region only; repeatable."),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="URL", help="Another implementation of the same API."),
    ] = None,
    probe_address: Annotated[
        str | None,
        typer.Option(
            "--probe-address",
            metavar="HOST:PORT[,...]",
            help="Where TLS handshakes go, instead of where the name resolves to.",
        ),
    ] = None,
    propagation: Annotated[
        float | None,
        typer.Option(
            "--propagation",
            metavar="SECONDS",
            help="How long a change may take to be served, instead of what the service documents.",
        ),
    ] = None,
    sm_slots: Annotated[
        bool,
        typer.Option("--sm-slots", help="List the slots of domains for SM2 pairs as well."),
    ] = False,
    calls_per_second: Annotated[
        float | None,
        typer.Option(
            "--calls-per-second",
            metavar="RATE",
            help="The provider's limit for this account, where it is not the documented one.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Stores an account, its secret sealed. `account check` then tells what it may do."""
    from pydantic import SecretStr

    import connectors
    from domain.resources.account import Account

    given: dict[str, str | None] = {
        "access_key_id": access_key_id,
        "access_key_secret": _secret(access_key_secret_file),
        "site": site,
        "regions": ",".join(region) if region else None,
        "endpoint": endpoint,
        "sm_slots": "true" if sm_slots else None,
    }
    values = {key: value for key, value in given.items() if value is not None}
    connectors.settings(provider, values)
    fields = connectors.settings_model(provider).model_fields
    secrets = {key for key in values if fields[key].annotation is SecretStr}
    account = Account(
        name=name,
        provider=provider,
        settings={key: value for key, value in values.items() if key not in secrets},
        probe_address=_address(probe_address),
        propagation_seconds=_seconds(propagation),
        calls_per_second=_rate(calls_per_second),
        created_at=datetime.now(UTC),
    )
    with opened() as (store, _):
        store.accounts.add(account, {key: values[key] for key in secrets})
    if as_json:
        show_json(account)
    else:
        say(f"Account {name!r} is stored. Try it: certroll account check {name}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all accounts, without their secrets."""
    with opened() as (store, _):
        accounts = store.accounts.list()
    if as_json:
        show_json(accounts)
        return
    show_table(
        ("NAME", "PROVIDER", "SETTINGS", "PROBE ADDRESS"),
        [(a.name, a.provider, _settings(a), a.probe_address or "by name") for a in accounts],
        empty="No accounts yet: certroll account add",
    )


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Shows one account, without its secrets."""
    from starter.cli.terminal.times import shown

    with opened() as (store, _):
        account = store.accounts.get(name)
    if as_json:
        show_json(account)
        return
    seconds, rate = account.propagation_seconds, account.calls_per_second
    show_fields(
        [
            ("name", account.name),
            ("provider", account.provider),
            *account.settings.items(),
            ("probe address", account.probe_address or "by name"),
            ("propagation", "as documented" if seconds is None else f"{seconds:g} s"),
            ("calls a second", "as documented" if rate is None else f"{rate:g}"),
            ("added", shown(account.created_at)),
        ]
    )


@app.command()
def check(name: Name, as_json: Json = False) -> None:
    """Tells which permissions an account lacks; only reads."""
    from operations.runtime.connector_pool import Clouds

    with opened() as (store, _):
        provider = store.accounts.get(name).provider
        missing = {service: lacks(Clouds(store), name, service) for service in services(provider)}
    if as_json:
        show_json({"account": name, "missing": missing})
    else:
        rows = [(service, line) for service, lines in missing.items() for line in lines or ["fine"]]
        show_table(("SERVICE", "MISSING"), rows)
    if any(missing.values()):
        note(f"Mend it, then look again: certroll account check {name}")
        raise Problem(Code.CLOUD)


@app.command()
def delete(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Forgets an account with its secrets and inventory.

    Nothing changes at the provider.
    """
    with opened() as (store, _):
        store.accounts.get(name)
        confirm(f"Delete account {name!r} with its inventory?", yes=yes)
        store.accounts.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Account {name!r} is deleted.")


def services(provider: str) -> list[str]:
    """The ids of the provider's services."""
    import connectors

    return [name for name in connectors.names() if name.partition(".")[0] == provider]


def lacks(clouds: Any, account: str, service: str) -> list[str]:
    """What the account lacks for this service, a line each; a failure is such a line too."""
    from domain.errors import CloudError

    try:
        found: list[str] = clouds.connector(account, service).check()
    except CloudError as error:
        return [str(error)]
    return found


def _secret(file: Path | None) -> str:
    secret = secret_from(file, VARIABLE)
    if secret is None and can_ask():
        secret = ask_secret("Access key secret")
    if not secret:
        raise BadInput(
            "the access key's secret is missing",
            where="--access-key-secret-file",
            fix=f"Put it into a file of its own, or into {VARIABLE}.",
        )
    return secret


def _address(text: str | None) -> str | None:
    """One address or several, with commas between; each of them is looked at."""
    if text is None:
        return None
    given = [each.strip() for each in text.split(",")]
    for each in given:
        host, _, port = each.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not bare or (":" in bare) != (bare != host) or not _is_port(port):
            raise BadInput(
                f"{each!r} is no address",
                where="--probe-address",
                fix="Give HOST:PORT, as in 127.0.0.1:443 or [::1]:443; several with commas.",
            )
    return ",".join(given)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536


def _seconds(value: float | None) -> float | None:
    if value is not None and not (isfinite(value) and 0 <= value <= LONGEST_PROPAGATION):
        raise BadInput(
            f"{value:g} is no time to wait",
            where="--propagation",
            fix=f"Give 0 to {LONGEST_PROPAGATION:g} seconds.",
        )
    return value


def _rate(value: float | None) -> float | None:
    if value is not None and not (isfinite(value) and 0 < value <= FASTEST):
        raise BadInput(
            f"{value:g} is no rate of calls",
            where="--calls-per-second",
            fix=f"Give more than 0 and at most {FASTEST:g}.",
        )
    return value


def _settings(account: "Account") -> str:
    return " ".join(f"{key}={value}" for key, value in account.settings.items())
