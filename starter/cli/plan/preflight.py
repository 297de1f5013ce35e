"""Findings of the checks before a task's first change: made on demand, shown, refused."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, opened
from starter.cli.terminal.output import metering, say, show_json

if TYPE_CHECKING:
    from domain.calendar.windows import Opening
    from domain.plans.plan import Change, Plan
    from domain.preflight.checks import Policy
    from domain.preflight.finding import Finding
    from domain.tasks.record import TaskRecord
    from storage.settings import Settings
    from storage.store import Store

OPTION = "--check"
MOST_TOLD = 3

Checks = Annotated[
    list[str] | None,
    typer.Option(
        OPTION,
        metavar="NUMBER=POLICY",
        help="What becomes of a check's findings: refuse, warn or off; repeatable.",
    ),
]
Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


def said(checks: Sequence[str] | None) -> dict[str, "Policy"]:
    """What `--check` says, by number."""
    from domain.preflight.finding import parse_policies

    return parse_policies(checks or (), OPTION)


def findings_of_plan(
    store: "Store",
    settings: "Settings",
    plan: "Plan",
    checks: Mapping[str, "Policy"],
    *,
    at: datetime | None = None,
    begins: datetime | None = None,
    ignore_windows: bool = False,
    quiet: bool,
) -> list["Finding"]:
    """What is found before a task with this plan is made.

    `at` is the asked time, by default now; `begins` is what windows have made of that.
    """
    from domain.calendar.windows import Opening
    from starter.requests.calendar import opening

    now = datetime.now(UTC)
    asked = at or now

    def opens() -> Opening:
        return Opening(at=asked) if ignore_windows else opening(store, plan, asked, now)

    return _found(store, settings, plan.changes, begins or asked, opens, checks, quiet=quiet)


def findings_of_task(
    store: "Store",
    settings: "Settings",
    record: "TaskRecord",
    checks: Mapping[str, "Policy"],
    *,
    quiet: bool,
) -> list["Finding"]:
    """What is found for the changes of a task that still wait. BadInput if none does."""
    from activities.calendar import opening_of_task
    from domain.tasks.status import OutcomeStatus

    waiting = store.tasks.outcomes.list(record.id, OutcomeStatus.PENDING)
    if not waiting:
        raise BadInput("nothing of it waits any more", where=f"task {record.id}")

    def opens() -> "Opening":
        return opening_of_task(store, record, record.at, datetime.now(UTC))

    changes = [each.change for each in waiting]
    both = {**record.checks, **checks}
    return _found(store, settings, changes, record.at, opens, both, quiet=quiet)


def _found(
    store: "Store",
    settings: "Settings",
    changes: "Sequence[Change]",
    at: datetime,
    opens: "Callable[[], Opening]",
    checks: Mapping[str, "Policy"],
    *,
    quiet: bool,
) -> list["Finding"]:
    from domain.preflight.finding import Policies
    from operations.preflight.findings import Flight, findings
    from operations.runtime.connector_pool import Clouds

    policies = Policies(settings.check_policies, checks)
    flight = Flight(changes, at, datetime.now(UTC), policies, opens)
    with metering("Checking what it needs", quiet=quiet):
        return findings(store, Clouds(store), settings, flight)


def show_findings(findings: Sequence["Finding"], *, beside_plan: bool = False) -> None:
    """A line each; beside a plan without what that tells by itself."""
    from domain.preflight.checks import CHECK

    for each in findings:
        if not (beside_plan and CHECK[each.check].in_plan and not each.refused):
            say(f"{'refused' if each.refused else 'check':<9}  {each}. {each.fix}")


def refuse(findings: Sequence["Finding"], where: str) -> None:
    """BadInput if anything is refused; all of it was shown before."""
    refused = [each for each in findings if each.refused]
    if not refused:
        return
    numbers = ", ".join(dict.fromkeys(each.check for each in refused))
    told = "; ".join(map(str, refused[:MOST_TOLD]))
    more = f"; and {len(refused) - MOST_TOLD} more" if len(refused) > MOST_TOLD else ""
    raise BadInput(
        f"{numbers} refused: {told}{more}",
        where=where,
        fix=f"Mend it, leave out what it is about, or say {OPTION} {refused[0].check}=warn.",
    )


def check_task(which: Which, check: Checks = None, as_json: Json = False) -> None:
    """Makes all checks of a waiting task now, as they are made again before its first change.

    Nothing is changed, neither here nor at a cloud. Ends with exit code 2 when something is
    refused. docs/checks.md lists the checks.
    """
    checks = said(check)
    with opened() as (store, settings):
        record = store.tasks.find(which)
        found = findings_of_task(store, settings, record, checks, quiet=as_json)
    _end(found, "task", record.id, as_json=as_json)


def check_plan(which: Which, check: Checks = None, as_json: Json = False) -> None:
    """Makes all checks of a saved plan now, as for a task that begins at once.

    Nothing is changed, neither here nor at a cloud. Ends with exit code 2 when something is
    refused. docs/checks.md lists the checks.
    """
    checks = said(check)
    with opened() as (store, settings):
        saved = store.plans.find(which)
        plan = store.plans.plan(saved.id)
        found = findings_of_plan(store, settings, plan, checks, quiet=as_json)
    _end(found, "plan", saved.id, as_json=as_json)


def _end(found: Sequence["Finding"], kind: str, name: str, *, as_json: bool) -> None:
    if as_json:
        show_json({kind: name, "findings": found})
    else:
        show_findings(found)
        if not found:
            say("Nothing was found.")
    refuse(found, f"{kind} {name}")
