"""Prints tasks: lists, one task, how a task ended. Called by the task commands and the hook."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from starter.cli.plan.waves import list_wave_facts, summarize_task_waves
from starter.cli.terminal.output import (
    humanize,
    join_names,
    note,
    say,
    show_fields,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from domain.tasks.audit import TaskEvent
    from domain.tasks.record import OutcomeRecord, TaskRecord
    from storage.contacts.deliveries import Delivery
    from storage.settings import Settings
    from storage.store import Store


def show_deliveries(deliveries: Sequence["Delivery"]) -> None:
    """Prints the last delivery of each contact and event; nothing where there is none."""
    from starter.cli.terminal.times import format_second

    last = {(each.contact, each.event): each for each in deliveries}
    if not last:
        return
    say()
    rows = [
        (
            format_second(each.at),
            each.contact,
            each.event,
            "sent" if each.ok else f"failed: {each.detail}",
        )
        for each in last.values()
    ]
    show_table(("AT", "CONTACT", "EVENT", "NOTIFICATION"), rows)


MAX_LISTED, MAX_PROBLEMS = 20, 100
"""A service with more than MAX_LISTED outcomes lists only problems, at most MAX_PROBLEMS."""


def get_links(record: "TaskRecord", settings: "Settings") -> dict[str, str | None]:
    """Returns the workflow id, its Web UI address (None if unknown) and the rollback command."""
    from domain.tasks.messages import build_workflow_id
    from starter.temporal.client import get_web_address

    web, workflow = get_web_address(settings), build_workflow_id(record.id)
    path = f"/namespaces/{settings.temporal_namespace}/workflows/{workflow}"
    return {
        "workflow_id": workflow,
        "web": web and web + path,
        "rollback": f"certroll task rollback {record.id} --reason '...'",
    }


def show_list(records: Sequence["TaskRecord"]) -> None:
    """Prints one line for each task."""
    from starter.cli.terminal.times import format_minute

    rows = [
        (
            record.id,
            record.name,
            "deleted" if record.deleted_at else humanize(record.status),
            format_minute(record.at),
            f"{record.tally.deployed}/{record.tally.total}",
            str(record.tally.failed + record.tally.rollback_failed),
            record.created_by,
        )
        for record in records
    ]
    columns = ("ID", "NAME", "STATUS", "AT", "DEPLOYED", "FAILED", "BY")
    show_table(columns, rows, empty="No tasks yet: certroll task create")


def show_task(
    record: "TaskRecord",
    certificates: Sequence[str],
    outcomes: Sequence["OutcomeRecord"],
    events: Sequence["TaskEvent"],
    *,
    show_all: bool = False,
) -> None:
    """Prints one task: fields, waves, outcomes by service, audit log."""
    from starter.cli.terminal.times import format_second

    waves = list_wave_facts(summarize_task_waves(record.rollout, outcomes), outcomes)
    show_fields([*_list_facts(record, certificates), *waves])
    ordered = sorted(outcomes, key=_service)
    for service, group in groupby(ordered, key=_service):
        _show_service(service, list(group), show_all=show_all)
    say()
    rows = [(format_second(event.at), event.code, event.by, event.text) for event in events]
    show_table(("AT", "EVENT", "BY", "TEXT"), rows)


def _show_service(service: str, outcomes: Sequence["OutcomeRecord"], *, show_all: bool) -> None:
    from domain.tasks.status import OutcomeStatus as Status

    counts = Counter(humanize(outcome.status) for outcome in outcomes)
    say(f"\n{service}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    if show_all or len(outcomes) <= MAX_LISTED:
        show_outcomes(outcomes)
        return
    ordinary = (Status.DEPLOYED, Status.ROLLED_BACK, Status.PENDING)
    problems = [outcome for outcome in outcomes if outcome.status not in ordinary]
    if problems:
        show_outcomes(problems[:MAX_PROBLEMS])
    say(f"and {len(outcomes) - len(problems[:MAX_PROBLEMS])} more: --all lists them")


def show_outcomes(outcomes: Sequence["OutcomeRecord"]) -> None:
    """Prints the outcome of each change, and its cause."""
    show_table(
        ("RESOURCE", "OUTCOME", "ATTEMPTS", "CAUSE"),
        [
            (o.change.resource.id, _describe_outcome(o), str(o.attempts), str(o.cause or ""))
            for o in outcomes
        ],
        empty="No outcomes.",
    )


def _describe_outcome(outcome: "OutcomeRecord") -> str:
    """Formats the status, so that an unverified change never reads like a verified one."""
    from domain.tasks.status import OutcomeStatus

    status = humanize(outcome.status)
    if outcome.is_unverified and outcome.status is not OutcomeStatus.UNVERIFIED:
        return f"{status}, unverified"
    return status


def show_end(store: "Store", record: "TaskRecord", *, as_json: bool, **more: Any) -> None:
    """Prints how a task ended: its status, and the cause of each problem."""
    from domain.tasks.status import OutcomeStatus

    outcomes = store.tasks.outcomes.list(record.id)
    if as_json:
        show_json({"task": record, "outcomes": outcomes, **more})
        return
    successful = (OutcomeStatus.DEPLOYED, OutcomeStatus.ROLLED_BACK)
    if problems := [outcome for outcome in outcomes if outcome.status not in successful]:
        show_outcomes(_omit_skipped(problems))
    counts = ", ".join(f"{count} {humanize(name)}" for name, count in record.tally if count)
    unverified = sum(
        each.is_unverified for each in outcomes if each.status is not OutcomeStatus.UNVERIFIED
    )
    counts += f"; {unverified} of them not verified" if unverified else ""
    say(f"{record.name}: {humanize(record.status)} ({counts})")
    if problems or unverified:
        note(f"Details: certroll task show {record.id}")


def _omit_skipped(problems: Sequence["OutcomeRecord"]) -> Sequence["OutcomeRecord"]:
    """Leaves out skipped changes where they are many: they would hide the failed ones."""
    from domain.tasks.status import OutcomeStatus

    failed = [outcome for outcome in problems if outcome.status is not OutcomeStatus.SKIPPED]
    return failed if failed and len(problems) - len(failed) > MAX_LISTED else problems


def _list_facts(record: "TaskRecord", certificates: Sequence[str]) -> list[tuple[str, str]]:
    from starter.cli.terminal.times import format_minute, format_second, format_with_offset

    times = {"started": record.started_at, "ended": record.ended_at, "deleted": record.deleted_at}
    return [
        ("id", record.id),
        ("name", record.name),
        ("status", humanize(record.status)),
        ("certificates", "\n".join(certificates)),
        ("contacts", join_names(record.contacts, 10) or "none"),
        ("at", format_with_offset(record.at)),
        *((name, format_second(when)) for name, when in times.items() if when),
        ("rollback until", format_minute(record.rollback_until)),
        ("created", f"{format_minute(record.created_at)} by {record.created_by}"),
        *(
            [("not verifiable", f"{record.unverifiable} of the changes")]
            if record.unverifiable
            else []
        ),
        ("quota", str(record.cost)),
        ("digest", record.digest),
    ]


def _service(outcome: "OutcomeRecord") -> str:
    return outcome.change.resource.service
