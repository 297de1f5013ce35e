"""`certroll plan check` and `task check`: runs the preflight checks and shows their findings."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, open_store
from starter.cli.terminal.output import say, show_json, show_progress

if TYPE_CHECKING:
    from domain.calendar.windows import AllowedStart
    from domain.plans.plan import Change, Plan
    from domain.preflight.checks import CheckPolicy
    from domain.preflight.finding import Finding
    from domain.tasks.record import TaskRecord
    from storage.settings import Settings
    from storage.store import Store

OPTION = "--check"
MAX_LISTED = 3

Checks = Annotated[
    list[str] | None,
    typer.Option(
        OPTION,
        metavar="NUMBER=POLICY",
        help="How to treat the findings of one preflight check (docs/checks.md): "
        "refuse, warn or off, e.g. C15=warn; repeatable.",
    ),
]
Which = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="The name, or the beginning of the id.")
]


def parse_check_policies(checks: Sequence[str] | None) -> dict[str, "CheckPolicy"]:
    """Parses --check into policies by check number."""
    from domain.preflight.finding import parse_policies

    return parse_policies(checks or (), OPTION)


def check_plan_changes(
    store: "Store",
    settings: "Settings",
    plan: "Plan",
    checks: Mapping[str, "CheckPolicy"],
    *,
    at: datetime | None = None,
    begins: datetime | None = None,
    ignore_windows: bool = False,
    quiet: bool,
) -> list["Finding"]:
    """Runs all checks for a task with this plan.

    `at` is the requested time, by default now; `begins` is the time that windows allow.
    """
    from domain.calendar.windows import AllowedStart
    from starter.requests.calendar import find_allowed_start

    now = datetime.now(UTC)
    requested = at or now

    def find_start() -> AllowedStart:
        return (
            AllowedStart(at=requested)
            if ignore_windows
            else find_allowed_start(store, plan, requested, now)
        )

    return _run_checks(
        store, settings, plan.changes, begins or requested, find_start, checks, quiet=quiet
    )


def check_task_changes(
    store: "Store",
    settings: "Settings",
    record: "TaskRecord",
    checks: Mapping[str, "CheckPolicy"],
    *,
    quiet: bool,
) -> list["Finding"]:
    """Runs all checks for the pending changes of a task. Raises BadInput if there are none."""
    from domain.tasks.status import OutcomeStatus
    from operations.deployment.start_time import find_task_start

    waiting = store.tasks.outcomes.list(record.id, OutcomeStatus.PENDING)
    if not waiting:
        raise BadInput(
            "the task has no pending changes",
            where=f"task {record.id}",
            fix="Checks apply only to changes that have not started.",
            code="nothing-pending",
        )

    def find_start() -> "AllowedStart":
        return find_task_start(store, record, record.at, datetime.now(UTC))

    changes = [each.change for each in waiting]
    both = {**record.checks, **checks}
    return _run_checks(store, settings, changes, record.at, find_start, both, quiet=quiet)


def _run_checks(
    store: "Store",
    settings: "Settings",
    changes: "Sequence[Change]",
    at: datetime,
    find_start: "Callable[[], AllowedStart]",
    checks: Mapping[str, "CheckPolicy"],
    *,
    quiet: bool,
) -> list["Finding"]:
    from domain.preflight.finding import CheckPolicies
    from operations.preflight.findings import PreflightInput, run_checks
    from operations.runtime.connector_pool import ConnectorPool

    policies = CheckPolicies(settings.check_policies, checks)
    preflight = PreflightInput(changes, at, datetime.now(UTC), policies, find_start)
    with show_progress("Running preflight checks", quiet=quiet):
        return run_checks(store, ConnectorPool(store), settings, preflight)


def show_findings(findings: Sequence["Finding"], *, beside_plan: bool = False) -> None:
    """Prints one line for each finding; beside a plan, not those that the plan shows itself."""
    from domain.preflight.checks import CHECK_BY_NUMBER

    for each in findings:
        if not (beside_plan and CHECK_BY_NUMBER[each.check].in_plan and not each.refused):
            say(f"{'refused' if each.refused else 'check':<9}  {each}. {each.fix}")


def refuse_findings(findings: Sequence["Finding"], where: str) -> None:
    """Raises BadInput if a finding is refused. All findings were shown before."""
    refused = [each for each in findings if each.refused]
    if not refused:
        return
    numbers = ", ".join(dict.fromkeys(each.check for each in refused))
    first = "; ".join(map(str, refused[:MAX_LISTED]))
    more = f"; and {len(refused) - MAX_LISTED} more" if len(refused) > MAX_LISTED else ""
    raise BadInput(
        f"{numbers} refused: {first}{more}",
        where=where,
        fix=f"Fix it, leave out the resource, or give {OPTION} {refused[0].check}=warn.",
        code="check-refused",
    )


def check_task(which: Which, check: Checks = None, as_json: Json = False) -> None:
    """Runs all preflight checks of a waiting task now. The task runs them again before it starts.

    Nothing is changed. Exit code 2 if a check refuses something. docs/checks.md lists the checks.
    """
    checks = parse_check_policies(check)
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        found = check_task_changes(store, settings, record, checks, quiet=as_json)
    _report_findings(found, "task", record.id, as_json=as_json)


def check_plan(which: Which, check: Checks = None, as_json: Json = False) -> None:
    """Runs all preflight checks of a saved plan, as for a task that starts now.

    Nothing is changed. Exit code 2 if a check refuses something. docs/checks.md lists the checks.
    """
    checks = parse_check_policies(check)
    with open_store() as (store, settings):
        saved = store.plans.find(which)
        plan = store.plans.get_plan(saved.id)
        found = check_plan_changes(store, settings, plan, checks, quiet=as_json)
    _report_findings(found, "plan", saved.id, as_json=as_json)


def _report_findings(found: Sequence["Finding"], kind: str, name: str, *, as_json: bool) -> None:
    if as_json:
        show_json({kind: name, "findings": found})
    else:
        show_findings(found)
        if not found:
            say("No findings.")
    refuse_findings(found, f"{kind} {name}")
