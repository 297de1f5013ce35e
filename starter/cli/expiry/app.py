"""`certroll expiry`: which certificates are served where, until when; as table, CSV or metrics."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from domain.errors import BadInput
from starter.cli.expiry import watch
from starter.cli.shared import Json, open_store
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say

if TYPE_CHECKING:
    from storage.expiry.statements import Scope
    from storage.store import Store

app = typer.Typer()

Format = Literal["table", "json", "csv", "prometheus"]


@app.callback(invoke_without_command=True)
def expiry(
    context: typer.Context,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="NAME", help="Only resources of this account."),
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="SERVICE", help="For example alibaba.cdn.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="TIME",
            help='Only what expires before this time, for example "in 30d".',
        ),
    ] = None,
    unmanaged: Annotated[
        bool, typer.Option("--unmanaged", help="Only certificates that are not in the vault.")
    ] = False,
    resources: Annotated[
        bool, typer.Option("--resources", help="List resources instead of certificates.")
    ] = False,
    drift: Annotated[
        bool,
        typer.Option(
            "--drift", help="List resources that serve something else than certroll deployed last."
        ),
    ] = False,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown", help="List resources whose certificate or expiry is not known, and why."
        ),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="At most this many rows. Default: 200 on a terminal, else all.",
        ),
    ] = None,
    fail_within: Annotated[
        str | None,
        typer.Option(
            "--fail-within",
            metavar="TIME",
            help='Exit code 6 if a listed certificate expires within this time, for example "7d".',
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", metavar="table|json|csv|prometheus", help="The output format."),
    ] = "table",
    as_json: Json = False,
) -> None:
    """Shows which certificates are served in all accounts, the soonest to expire first.

    The data is as of the last inventory sync. IN VAULT says whether certroll holds the
    certificate; SUCCESSOR is the certificate of the vault that could replace it.
    """
    if context.invoked_subcommand is not None:
        return
    from starter.cli.expiry import lists
    from starter.cli.terminal.times import parse_day
    from storage.expiry.statements import Scope

    now = datetime.now(UTC)
    form = _parse_format(form, as_json)
    scope = Scope(
        account=account,
        service=service,
        before=None if before is None else parse_day(before, now),
        unmanaged=unmanaged,
    )
    until = None if fail_within is None else _parse_deadline(fail_within, now)
    kind = _parse_kind(resources=resources, drift=drift, unknown=unknown)
    with open_store() as (store, _):
        _check_names(store, scope)
        if form == "prometheus":
            _show_metrics(store, narrowed=scope != Scope() or kind != "certificates" or bool(limit))
        else:
            lists.show(store, kind, scope, form, limit, now)
        if until is not None:
            _fail_if_expiring(store, scope.model_copy(update={"before": until}), until)


def _parse_format(form: Format, as_json: bool) -> Format:
    if as_json and form not in ("table", "json"):
        raise BadInput(
            f"--json and --format {form} exclude each other",
            where="--format",
            fix="Give one of them.",
            code="conflicting-options",
        )
    return "json" if as_json else form


def _parse_kind(*, resources: bool, drift: bool, unknown: bool) -> str:
    flags = {"resources": resources, "drift": drift, "unknown": unknown}
    chosen = [name for name, is_set in flags.items() if is_set]
    if len(chosen) > 1:
        options = " and ".join(f"--{name}" for name in chosen)
        raise BadInput(
            f"{options} exclude each other", fix="Give one of them.", code="conflicting-options"
        )
    return chosen[0] if chosen else "certificates"


def _parse_deadline(text: str, now: datetime) -> datetime:
    """Parses a time; "7d" alone means "in 7d"."""
    from starter.cli.terminal.times import parse_day

    is_amount = re.fullmatch(r"[0-9dhms ]+", text)
    return parse_day(f"in {text}" if is_amount else text, now)


def _check_names(store: "Store", scope: "Scope") -> None:
    """Raises BadInput for an unknown account or service: a typo must not look like no findings."""
    import connectors

    if scope.account is not None:
        store.accounts.get(scope.account)
    if scope.service is not None:
        connectors.load_connector(scope.service)


def _show_metrics(store: "Store", *, narrowed: bool) -> None:
    from starter.metrics import render

    if narrowed:
        raise BadInput(
            "metrics cannot be filtered",
            where="--format prometheus",
            fix="Give it without filters.",
            code="conflicting-options",
        )
    say(render(store).decode().removesuffix("\n"))


def _fail_if_expiring(store: "Store", scope: "Scope", until: datetime) -> None:
    from starter.cli.terminal.times import format_minute

    soon = store.expiry.list_certificates(scope).rows
    if soon:
        served = sum(each.resources for each in soon)
        note(
            f"Certificates that expire before {format_minute(until)}: {len(soon)}, "
            f"on {served} resources."
        )
        raise CommandFailed(ExitCode.EXPIRY)


app.command("watch")(watch.watch)
