"""`certroll certificate cleanup`: what may leave the providers' stores, why the rest stays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from domain.errors import BadInput, CloudError
from starter.cli.shared import Json, Yes, confirm, opened
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.resources.retention import Held, Verdict
    from operations.runtime.connector_pool import Clouds
    from storage.store import Store

GOES, STAYS, REMOVED, FAILED = "would go", "stays", "removed", "failed"


class Line(NamedTuple):
    """What is told of one certificate in one store."""

    held: "Held"
    result: str
    reason: str = ""


def cleanup(
    account: Annotated[
        list[str] | None,
        typer.Option("--account", metavar="NAME", help="Only the stores of it; repeatable."),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            metavar="N",
            min=0,
            help="How many former ones of each resource stay; else CERTROLL_KEEP_CERTIFICATES, 2.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would go, and why the rest stays.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Removes former certificates from the providers' stores, where nobody needs them any more.

    Only what was uploaded from here, serves nothing, and is not needed for the way back of a task.
    The store is asked first who uses it. What is removed is uploaded again when it is deployed.
    """
    with opened() as (store, _):
        clouds, lines = _look(store, account, keep)
        going = [line for line in lines if line.result == GOES]
        if going and not dry_run:
            if not as_json:
                _show(lines)
            confirm(f"Remove {len(going)} of these for good?", yes=yes)
            lines = [_removed(store, clouds, line) for line in lines]
    if as_json:
        show_json([_facts(line) for line in lines])
    elif dry_run or not going:
        _show(lines)
    else:
        _say_removed(lines)
    if any(line.result == FAILED for line in lines):
        raise Problem(Code.CLOUD)


def _look(
    store: "Store", account: list[str] | None, keep: int | None
) -> tuple["Clouds", list[Line]]:
    from datetime import UTC, datetime

    from operations.cleanup import survey
    from operations.runtime.connector_pool import Clouds

    accounts = account or [each.name for each in store.accounts.list()]
    for name in accounts:
        store.accounts.get(name)
    number = store.keep_certificates if keep is None else keep
    if number is None:
        raise BadInput(
            "nothing is removed as long as all are to be kept",
            where="CERTROLL_KEEP_CERTIFICATES",
            fix="Say how many stay for each resource: --keep N.",
        )
    clouds = Clouds(store)
    verdicts = survey(store, dict.fromkeys(accounts), number, datetime.now(UTC))
    return clouds, [_asked(clouds, verdict) for verdict in verdicts]


def _asked(clouds: "Clouds", verdict: "Verdict") -> Line:
    from operations.cleanup import asked

    try:
        stays = asked(clouds, verdict).stays
    except CloudError as error:
        return Line(verdict.held, FAILED, str(error))
    return Line(verdict.held, STAYS if stays else GOES, stays or "")


def _removed(store: "Store", clouds: "Clouds", line: Line) -> Line:
    from operations.cleanup import take_out

    if line.result != GOES:
        return line
    try:
        stays = take_out(store, clouds, line.held)
    except CloudError as error:
        return line._replace(result=FAILED, reason=str(error))
    return line._replace(result=STAYS if stays else REMOVED, reason=stays or "")


def _show(lines: Sequence[Line]) -> None:
    show_table(
        ("CERTIFICATE", "SHA-256", "ACCOUNT", "STORE", "RESULT", "REASON"),
        [
            (one.name, one.fingerprint[:12], one.account, one.store, result, reason)
            for one, result, reason in lines
        ],
        empty="No certificate was put into a provider's store yet.",
    )


def _say_removed(lines: Sequence[Line]) -> None:
    say(f"{sum(line.result == REMOVED for line in lines)} removed.")
    for held, result, reason in lines:
        if result == FAILED:
            note(f"{held.name} in {held.store} of {held.account}: {reason}")


def _facts(line: Line) -> dict[str, Any]:
    held = line.held
    return {
        "name": held.name,
        "fingerprint": held.fingerprint,
        "account": held.account,
        "store": held.store,
        "result": line.result,
        "reason": line.reason or None,
    }
