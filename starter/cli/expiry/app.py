"""`certroll expiry`: what serves which certificate until when; for people, programs and metrics."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from domain.errors import BadInput
from starter.cli.expiry import watch
from starter.cli.shared import Json, opened
from starter.cli.terminal.exit_codes import Code, Problem
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
        str | None, typer.Option("--account", metavar="NAME", help="Of this account only.")
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="SERVICE", help="For example alibaba.cdn.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="TIME", help='What expires before then, as "in 30d".'),
    ] = None,
    unmanaged: Annotated[
        bool, typer.Option("--unmanaged", help="Only fingerprints that no certificate of ours has.")
    ] = False,
    resources: Annotated[
        bool, typer.Option("--resources", help="Each resource instead of each certificate.")
    ] = False,
    drift: Annotated[
        bool,
        typer.Option("--drift", help="Resources that serve something else than we deployed last."),
    ] = False,
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Resources whose certificate or expiry is not known, why."),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, help="At most so many; on a terminal 200, else all."
        ),
    ] = None,
    fail_within: Annotated[
        str | None,
        typer.Option(
            "--fail-within",
            metavar="TIME",
            help='Exit code 6 if any of it expires before then, as "7d".',
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", metavar="table|json|csv|prometheus", help="How it is printed."),
    ] = "table",
    as_json: Json = False,
) -> None:
    """Shows what serves which certificate until when, over all accounts, soonest first.

    As of the last sync of the inventory. OURS says whether the certificate lies in the vault, and
    SUCCESSOR which one there could take its place.
    """
    if context.invoked_subcommand is not None:
        return
    from starter.cli.expiry import lists
    from starter.cli.terminal.times import parse_day
    from storage.expiry.statements import Scope

    now = datetime.now(UTC)
    form = _form(form, as_json)
    scope = Scope(
        account=account,
        service=service,
        before=None if before is None else parse_day(before, now),
        unmanaged=unmanaged,
    )
    until = None if fail_within is None else _deadline(fail_within, now)
    kind = _kind(resources=resources, drift=drift, unknown=unknown)
    with opened() as (store, _):
        _check_names(store, scope)
        if form == "prometheus":
            _show_metrics(store, narrowed=scope != Scope() or kind != "certificates" or bool(limit))
        else:
            lists.show(store, kind, scope, form, limit, now)
        if until is not None:
            _fail(store, scope.model_copy(update={"before": until}), until)


def _form(form: Format, as_json: bool) -> Format:
    if as_json and form not in ("table", "json"):
        raise BadInput(f"--json is another format than {form}", where="--format", fix="Take one.")
    return "json" if as_json else form


def _kind(*, resources: bool, drift: bool, unknown: bool) -> str:
    asked = {"resources": resources, "drift": drift, "unknown": unknown}
    chosen = [name for name, is_asked in asked.items() if is_asked]
    if len(chosen) > 1:
        options = " and ".join(f"--{name}" for name in chosen)
        raise BadInput(f"{options} are lists of their own", fix="Take one of them.")
    return chosen[0] if chosen else "certificates"


def _deadline(text: str, now: datetime) -> datetime:
    """As everywhere, and "7d" alone is meant as "in 7d"."""
    from starter.cli.terminal.times import parse_day

    is_amount = re.fullmatch(r"[0-9dhms ]+", text)
    return parse_day(f"in {text}" if is_amount else text, now)


def _check_names(store: "Store", scope: "Scope") -> None:
    """A slip of the pen must not look like a clean result."""
    import connectors

    if scope.account is not None:
        store.accounts.get(scope.account)
    if scope.service is not None:
        connectors.load(scope.service)


def _show_metrics(store: "Store", *, narrowed: bool) -> None:
    from starter.metrics import render

    if narrowed:
        raise BadInput(
            "the metrics are of everything", where="--format prometheus", fix="Give it alone."
        )
    say(render(store).decode().removesuffix("\n"))


def _fail(store: "Store", scope: "Scope", until: datetime) -> None:
    from starter.cli.terminal.times import shown

    soon = store.expiry.certificates(scope).rows
    if soon:
        served = sum(each.resources for each in soon)
        note(f"Certificates that expire before {shown(until)}: {len(soon)}, on {served} resources.")
        raise Problem(Code.EXPIRY)


app.command("watch")(watch.watch)
