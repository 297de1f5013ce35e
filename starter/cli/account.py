"""`certroll account`: accounts at cloud providers, with their credentials."""

from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, Yes, ask_secret, can_prompt, confirm, open_store, read_secret
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_fields, show_json, show_table

if TYPE_CHECKING:
    from domain.resources.account import Account
    from operations.runtime.connector_pool import ConnectorPool

app = typer.Typer(no_args_is_help=True)

VARIABLE = "CERTROLL_ACCESS_KEY_SECRET"
LONGEST_PROPAGATION = 86_400.0
FASTEST = 10_000.0
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]


@app.command()
def add(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A name for it: a-z, 0-9 and -, at most 31 characters."
        ),
    ],
    provider: Annotated[
        str, typer.Option("--provider", metavar="PROVIDER", help="For example alibaba.")
    ],
    access_key_id: Annotated[
        str, typer.Option("--access-key-id", metavar="ID", help="The access key id.")
    ],
    access_key_secret_file: Annotated[
        Path | None,
        typer.Option(
            "--access-key-secret-file",
            metavar="FILE",
            help=f"A file with the access key secret. Default: {VARIABLE}, else you are asked.",
        ),
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="cn|intl", help="The site of the account.")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region",
            metavar="REGION",
            help="Only use this region; repeatable. Default: all regions.",
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            metavar="URL",
            help="Base URL of another implementation of the API, such as the sandbox.",
        ),
    ] = None,
    probe_address: Annotated[
        str | None,
        typer.Option(
            "--probe-address",
            metavar="HOST:PORT[,...]",
            help="Where to make TLS handshakes, instead of resolving the name.",
        ),
    ] = None,
    propagation: Annotated[
        float | None,
        typer.Option(
            "--propagation",
            metavar="SECONDS",
            help="How long a change may take to be served, instead of the documented time.",
        ),
    ] = None,
    sm_slots: Annotated[
        bool,
        typer.Option("--sm-slots", help="Also list the SM2 slots of domains."),
    ] = False,
    calls_per_second: Annotated[
        float | None,
        typer.Option(
            "--calls-per-second",
            metavar="RATE",
            help="The rate limit of this account, if it is not the documented one.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Stores an account; its secret is stored encrypted. Then run `account check`."""
    from pydantic import SecretStr

    import connectors
    from domain.resources.account import Account

    given: dict[str, str | None] = {
        "access_key_id": access_key_id,
        "access_key_secret": _read_access_key_secret(access_key_secret_file),
        "site": site,
        "regions": ",".join(region) if region else None,
        "endpoint": endpoint,
        "sm_slots": "true" if sm_slots else None,
    }
    values = {key: value for key, value in given.items() if value is not None}
    connectors.parse_settings(provider, values)
    fields = connectors.get_settings_model(provider).model_fields
    secrets = {key for key in values if fields[key].annotation is SecretStr}
    account = Account(
        name=name,
        provider=provider,
        settings={key: value for key, value in values.items() if key not in secrets},
        probe_address=_check_probe_address(probe_address),
        propagation_seconds=_check_propagation(propagation),
        calls_per_second=_check_rate(calls_per_second),
        created_at=datetime.now(UTC),
    )
    with open_store() as (store, _):
        store.accounts.add(account, {key: values[key] for key in secrets})
    if as_json:
        show_json(account)
    else:
        say(f"Account {name!r} is stored. Check it: certroll account check {name}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all accounts, without their secrets."""
    with open_store() as (store, _):
        accounts = store.accounts.list()
    if as_json:
        show_json(accounts)
        return
    show_table(
        ("NAME", "PROVIDER", "SETTINGS", "PROBE ADDRESS"),
        [(a.name, a.provider, _format_settings(a), a.probe_address or "by name") for a in accounts],
        empty="No accounts yet: certroll account add",
    )


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Shows one account, without its secrets."""
    from starter.cli.terminal.times import format_minute

    with open_store() as (store, _):
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
            ("calls per second", "as documented" if rate is None else f"{rate:g}"),
            ("added", format_minute(account.created_at)),
        ]
    )


@app.command()
def check(name: Name, as_json: Json = False) -> None:
    """Checks which permissions an account lacks. Changes nothing."""
    from operations.runtime.connector_pool import ConnectorPool

    with open_store() as (store, _):
        provider = store.accounts.get(name).provider
        missing = {
            service: list_missing_permissions(ConnectorPool(store), name, service)
            for service in list_services(provider)
        }
    if as_json:
        show_json({"account": name, "missing": missing})
    else:
        rows = [(service, line) for service, lines in missing.items() for line in lines or ["none"]]
        show_table(("SERVICE", "MISSING"), rows)
    if any(missing.values()):
        note(f"Grant these, then check again: certroll account check {name}")
        raise CommandFailed(ExitCode.CLOUD)


@app.command()
def delete(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Deletes an account with its secrets and inventory here.

    Nothing changes at the provider.
    """
    with open_store() as (store, _):
        store.accounts.get(name)
        confirm(f"Delete account {name!r} with its inventory?", yes=yes)
        store.accounts.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Account {name!r} is deleted.")


def list_services(provider: str) -> list[str]:
    """Lists the ids of the provider's services."""
    import connectors

    return [name for name in connectors.list_services() if name.partition(".")[0] == provider]


def list_missing_permissions(clouds: "ConnectorPool", account: str, service: str) -> list[str]:
    """Lists what the account lacks for a service. A failure of the check is such an entry too."""
    from domain.errors import CloudError

    try:
        found = clouds.get(account, service).check()
    except CloudError as error:
        return [str(error)]
    return found


def _read_access_key_secret(file: Path | None) -> str:
    secret = read_secret(file, VARIABLE)
    if secret is None and can_prompt():
        secret = ask_secret("Access key secret")
    if not secret:
        raise BadInput(
            "the access key secret is missing",
            where="--access-key-secret-file",
            fix=f"Put it into a file, or into {VARIABLE}.",
            code="missing-secret",
        )
    return secret


def _check_probe_address(text: str | None) -> str | None:
    """Checks one or several addresses, separated by commas."""
    if text is None:
        return None
    given = [each.strip() for each in text.split(",")]
    for each in given:
        host, _, port = each.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if not bare or (":" in bare) != (bare != host) or not _is_port(port):
            raise BadInput(
                f"{each!r} is not HOST:PORT",
                where="--probe-address",
                fix="Give HOST:PORT, for example 127.0.0.1:443 or [::1]:443; several with commas.",
                code="invalid-address",
            )
    return ",".join(given)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536


def _check_propagation(value: float | None) -> float | None:
    if value is not None and not (isfinite(value) and 0 <= value <= LONGEST_PROPAGATION):
        raise BadInput(
            f"{value:g} seconds is out of range",
            where="--propagation",
            fix=f"Give 0 to {LONGEST_PROPAGATION:g} seconds.",
            code="out-of-range",
        )
    return value


def _check_rate(value: float | None) -> float | None:
    if value is not None and not (isfinite(value) and 0 < value <= FASTEST):
        raise BadInput(
            f"{value:g} calls per second is out of range",
            where="--calls-per-second",
            fix=f"Give more than 0 and at most {FASTEST:g}.",
            code="out-of-range",
        )
    return value


def _format_settings(account: "Account") -> str:
    return " ".join(f"{key}={value}" for key, value in account.settings.items())
