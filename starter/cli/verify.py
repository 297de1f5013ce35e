"""`certroll verify` and `certroll task verify`: what endpoints show now, address by address."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.shared import Json, opened
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from activities.reverification import Result, Verified
    from domain.tasks.evidence import Handshake
    from storage.store import Store

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


def verify(as_json: Json = False) -> None:
    """Looks now whether every endpoint still shows what certroll deployed there last.

    A schedule does the same every day (CERTROLL_VERIFY_EVERY). What shows another certificate is
    kept as drift: in `certroll expiry --drift`, the audit of the task, the metrics, and what
    contacts are told. Ends with exit code 5 if anything has drifted.
    """
    with opened() as (store, _):
        _run(store, None, as_json=as_json)


def verify_task(which: Which, as_json: Json = False) -> None:
    """Looks now whether endpoints still show what this task has left, address by address.

    Where another task came after it, that one is asked instead. Nothing of the task is changed;
    what shows another certificate is kept as drift, as by `certroll verify`. Ends with exit code 5
    if anything has drifted.
    """
    with opened() as (store, _):
        _run(store, store.tasks.find(which).id, as_json=as_json)


def _run(store: "Store", task_id: str | None, *, as_json: bool) -> None:
    from activities.heartbeats import Heart
    from activities.reverification import Verification, Verified, added
    from operations.runtime.connector_pool import Clouds

    verification, now = Verification(store, Clouds(store), Heart()), datetime.now(UTC)
    found = Verified()
    kept: list[Result] = []
    for results in verification.verify(task_id):
        found = added(found, verification.keep(results, now))
        kept += [each for each in results if task_id is not None or each.cause is not None]
    if as_json:
        show_json({"found": found, "looks": [look for each in kept for look in each.looks]})
    else:
        _show(kept, found)
    if found.drifted:
        raise Problem(Code.TASK)


def _show(results: "Sequence[Result]", found: "Verified") -> None:
    rows = [_row(each, look) for each in results for look in each.looks]
    columns = ("RESOURCE", "ENDPOINT", "ADDRESS", "SHOWS", "RESULT")
    if rows:
        show_table(columns, rows)
    say(
        f"{found.shown} as deployed, {found.drifted} show something else, "
        f"{found.unreached} cannot be reached from here"
    )
    if found.drifted:
        note("All that has drifted: certroll expiry --drift")


def _row(result: "Result", look: "Handshake") -> Sequence[Any]:
    outcome = "fine" if look.verified else "not reached" if not look.reached else "not shown"
    return (
        result.record.change.resource.id,
        look.endpoint,
        look.address,
        look.seen[:12] if look.seen else "nothing",
        f"{outcome}: {look.problem}" if look.problem else outcome,
    )
