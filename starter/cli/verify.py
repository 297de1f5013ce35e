"""`certroll verify` and `certroll task verify`: which certificate each endpoint serves now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.shared import Json, open_store
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.tasks.evidence import Handshake
    from operations.verification.reverification import VerificationCounts, VerificationResult
    from storage.store import Store

Which = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="The name, or the beginning of the id.")
]


def verify(as_json: Json = False) -> None:
    """Checks that every endpoint still serves the certificate that certroll deployed last.

    A schedule does the same every day (CERTROLL_VERIFY_EVERY). An endpoint that serves another
    certificate is recorded as drift: in `certroll expiry --drift`, in the audit log of the task,
    in the metrics and in notifications. Exit code 5 if anything has drifted.
    """
    with open_store() as (store, _):
        _run(store, None, as_json=as_json)


def verify_task(which: Which, as_json: Json = False) -> None:
    """Checks that the endpoints of one task still serve what it deployed, address by address.

    Where a later task changed a resource, the certificate of that later task counts. The task does
    not change; drift is recorded as by `certroll verify`. Exit code 5 if anything has drifted.
    """
    with open_store() as (store, _):
        _run(store, store.tasks.find(which).id, as_json=as_json)


def _run(store: "Store", task_id: str | None, *, as_json: bool) -> None:
    from operations.runtime.connector_pool import ConnectorPool
    from operations.verification.reverification import Reverifier, VerificationCounts, add_counts

    reverifier, now = Reverifier(store, ConnectorPool(store)), datetime.now(UTC)
    found = VerificationCounts()
    shown: list[VerificationResult] = []
    for results in reverifier.verify_deployments(task_id):
        found = add_counts(found, reverifier.record_drift(results, now))
        shown += [each for each in results if task_id is not None or each.cause is not None]
    if as_json:
        show_json(
            {"found": found, "handshakes": [each for result in shown for each in result.handshakes]}
        )
    else:
        _show(shown, found)
    if found.drifted:
        raise CommandFailed(ExitCode.TASK)


def _show(results: "Sequence[VerificationResult]", found: "VerificationCounts") -> None:
    rows = [_row(result, each) for result in results for each in result.handshakes]
    columns = ("RESOURCE", "ENDPOINT", "ADDRESS", "SERVES", "RESULT")
    if rows:
        show_table(columns, rows)
    say(
        f"{found.verified} verified, {found.drifted} drifted, "
        f"{found.unreached} cannot be reached from here"
    )
    if found.drifted:
        note("To list all drift: certroll expiry --drift")


def _row(result: "VerificationResult", each: "Handshake") -> Sequence[Any]:
    outcome = "verified" if each.verified else "not served" if each.reached else "not reached"
    return (
        result.record.change.resource.id,
        each.endpoint,
        each.address,
        each.observed[:12] if each.observed else "nothing",
        f"{outcome}: {each.problem}" if each.problem else outcome,
    )
