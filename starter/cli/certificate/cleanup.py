"""`certroll certificate cleanup`: removes unused certificates from the providers' stores."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from domain.errors import BadInput, CloudError
from starter.cli.shared import Json, Yes, confirm, open_store
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.resources.retention import RetentionDecision, StoreEntry
    from operations.runtime.connector_pool import ConnectorPool
    from storage.store import Store

REMOVABLE, KEPT, REMOVED, FAILED = "removable", "kept", "removed", "failed"


class CleanupRow(NamedTuple):
    """The result for one certificate in one store."""

    installation: "StoreEntry"
    result: str
    reason: str = ""


def cleanup(
    account: Annotated[
        list[str] | None,
        typer.Option(
            "--account", metavar="NAME", help="Only the stores of this account; repeatable."
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            metavar="N",
            min=0,
            help="How many former certificates of each resource to keep. Default: "
            "CERTROLL_KEEP_CERTIFICATES (2).",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only show what is removable, and why the rest is kept."),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Removes former certificates from the providers' stores when nothing needs them any more.

    Only certificates that certroll uploaded, that no resource serves, and that no rollback needs.
    The provider is asked first whether one is in use. A removed certificate is uploaded again when
    it is deployed again.
    """
    with open_store() as (store, _):
        clouds, lines = _classify(store, account, keep)
        removable = [line for line in lines if line.result == REMOVABLE]
        if removable and not dry_run:
            if not as_json:
                _show(lines)
            confirm(f"Remove {len(removable)} certificates from the stores?", yes=yes)
            lines = [_remove(store, clouds, line) for line in lines]
    if as_json:
        show_json([_to_json(line) for line in lines])
    elif dry_run or not removable:
        _show(lines)
    else:
        _show_removed(lines)
    if any(line.result == FAILED for line in lines):
        raise CommandFailed(ExitCode.CLOUD)


def _classify(
    store: "Store", account: list[str] | None, keep: int | None
) -> tuple["ConnectorPool", list[CleanupRow]]:
    from datetime import UTC, datetime

    from operations.cleanup import classify_installations
    from operations.runtime.connector_pool import ConnectorPool

    accounts = account or [each.name for each in store.accounts.list()]
    for name in accounts:
        store.accounts.get(name)
    number = store.keep_certificates if keep is None else keep
    if number is None:
        raise BadInput(
            "the setting keeps all certificates, so nothing is removed",
            where="CERTROLL_KEEP_CERTIFICATES",
            fix="Give how many to keep for each resource: --keep N.",
            code="keeps-all",
        )
    clouds = ConnectorPool(store)
    verdicts = classify_installations(store, dict.fromkeys(accounts), number, datetime.now(UTC))
    return clouds, [_check_in_use(clouds, verdict) for verdict in verdicts]


def _check_in_use(clouds: "ConnectorPool", verdict: "RetentionDecision") -> CleanupRow:
    from operations.cleanup import check_in_use

    try:
        reason = check_in_use(clouds, verdict).kept_because
    except CloudError as error:
        return CleanupRow(verdict.entry, FAILED, str(error))
    return CleanupRow(verdict.entry, KEPT if reason else REMOVABLE, reason or "")


def _remove(store: "Store", clouds: "ConnectorPool", line: CleanupRow) -> CleanupRow:
    from operations.cleanup import remove_from_store

    if line.result != REMOVABLE:
        return line
    try:
        reason = remove_from_store(store, clouds, line.installation)
    except CloudError as error:
        return line._replace(result=FAILED, reason=str(error))
    return line._replace(result=KEPT if reason else REMOVED, reason=reason or "")


def _show(lines: Sequence[CleanupRow]) -> None:
    show_table(
        ("CERTIFICATE", "SHA-256", "ACCOUNT", "STORE", "RESULT", "REASON"),
        [
            (one.name, one.fingerprint[:12], one.account, one.store, result, reason)
            for one, result, reason in lines
        ],
        empty="certroll has not uploaded a certificate to any store yet.",
    )


def _show_removed(lines: Sequence[CleanupRow]) -> None:
    say(f"{sum(line.result == REMOVED for line in lines)} removed.")
    for held, result, reason in lines:
        if result == FAILED:
            note(f"{held.name} in {held.store} of {held.account}: {reason}")


def _to_json(line: CleanupRow) -> dict[str, Any]:
    held = line.installation
    return {
        "name": held.name,
        "fingerprint": held.fingerprint,
        "account": held.account,
        "store": held.store,
        "result": line.result,
        "reason": line.reason or None,
    }
