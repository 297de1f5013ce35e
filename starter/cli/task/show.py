"""A task as a person reads it."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from starter.cli.plan.waves import of_task, wave_facts
from starter.cli.terminal.output import note, say, show_fields, show_json, show_table, some, words

if TYPE_CHECKING:
    from storage.contacts.deliveries import Delivery

if TYPE_CHECKING:
    from domain.tasks.record import OutcomeRecord, TaskEvent, TaskRecord
    from storage.settings import Settings
    from storage.store import Store


def show_told(deliveries: Sequence["Delivery"]) -> None:
    """The last attempt of each contact and event; nothing where nobody was to be told."""
    from starter.cli.terminal.times import logged

    last = {(each.contact, each.event): each for each in deliveries}
    if not last:
        return
    say()
    rows = [
        (logged(each.at), each.contact, each.event, "told" if each.ok else f"not: {each.detail}")
        for each in last.values()
    ]
    show_table(("AT", "CONTACT", "OF", "TOLD"), rows)


FEW, MOST_WRONG = 20, 100
"""Up to so many outcomes of a service are listed, and of more so many that are not fine."""


def links(record: "TaskRecord", settings: "Settings") -> dict[str, str | None]:
    """Where the task is to be seen and how it is taken back; `web` is None where not known."""
    from domain.tasks.messages import workflow_id
    from starter.temporal.client import web_address

    web, workflow = web_address(settings), workflow_id(record.id)
    path = f"/namespaces/{settings.temporal_namespace}/workflows/{workflow}"
    return {
        "workflow_id": workflow,
        "web": web and web + path,
        "rollback": f"certroll task rollback {record.id} --reason '...'",
    }


def show_list(records: Sequence["TaskRecord"]) -> None:
    """One line for each task."""
    from starter.cli.terminal.times import shown

    rows = [
        (
            record.id,
            record.name,
            "deleted" if record.deleted_at else words(record.status),
            shown(record.at),
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
    """One task: facts, outcomes by service, audit; of many outcomes only what is not fine."""
    from starter.cli.terminal.times import logged

    waves = wave_facts(of_task(record.rollout, outcomes), outcomes)
    show_fields([*_facts(record, certificates), *waves])
    ordered = sorted(outcomes, key=_service)
    for service, group in groupby(ordered, key=_service):
        _show_service(service, list(group), show_all=show_all)
    say()
    rows = [(logged(event.at), event.kind, event.by, event.text) for event in events]
    show_table(("AT", "EVENT", "BY", "TEXT"), rows)


def _show_service(service: str, outcomes: Sequence["OutcomeRecord"], *, show_all: bool) -> None:
    from domain.tasks.status import OutcomeStatus as Status

    counts = Counter(words(outcome.status) for outcome in outcomes)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    say(f"\n{service}: {told}")
    if show_all or len(outcomes) <= FEW:
        show_outcomes(outcomes)
        return
    quiet = (Status.DEPLOYED, Status.ROLLED_BACK, Status.PENDING)
    wrong = [outcome for outcome in outcomes if outcome.status not in quiet]
    if wrong:
        show_outcomes(wrong[:MOST_WRONG])
    left = len(outcomes) - len(wrong[:MOST_WRONG])
    say(f"and {left} more: --all shows each")


def show_outcomes(outcomes: Sequence["OutcomeRecord"]) -> None:
    """What became of each change, and why."""
    show_table(
        ("RESOURCE", "OUTCOME", "ATTEMPTS", "CAUSE"),
        [(o.change.resource.id, _became(o), str(o.attempts), str(o.cause or "")) for o in outcomes],
        empty="Nothing is to be told.",
    )


def _became(outcome: "OutcomeRecord") -> str:
    """What nothing has verified never reads as if it were."""
    became = words(outcome.status)
    from domain.tasks.status import OutcomeStatus

    told = outcome.unverified and outcome.status is not OutcomeStatus.UNVERIFIED
    return f"{became}, unverified" if told else became


def show_end(store: "Store", record: "TaskRecord", *, as_json: bool, **more: Any) -> None:
    """How a task that was waited for ended: its status, and each cause of what went wrong."""
    from domain.tasks.status import OutcomeStatus

    outcomes = store.tasks.outcomes.list(record.id)
    if as_json:
        show_json({"task": record, "outcomes": outcomes, **more})
        return
    fine = (OutcomeStatus.DEPLOYED, OutcomeStatus.ROLLED_BACK)
    if wrong := [outcome for outcome in outcomes if outcome.status not in fine]:
        show_outcomes(_telling(wrong))
    counts = ", ".join(f"{count} {words(name)}" for name, count in record.tally if count)
    unverified = sum(
        each.unverified for each in outcomes if each.status is not OutcomeStatus.UNVERIFIED
    )
    counts += f"; {unverified} of them not verified" if unverified else ""
    say(f"{record.name}: {words(record.status)} ({counts})")
    if wrong or unverified:
        note(f"All of it: certroll task show {record.id}")


def _telling(wrong: Sequence["OutcomeRecord"]) -> Sequence["OutcomeRecord"]:
    """Without what was skipped where that is much: it would hide what failed."""
    from domain.tasks.status import OutcomeStatus

    failed = [outcome for outcome in wrong if outcome.status is not OutcomeStatus.SKIPPED]
    return failed if failed and len(wrong) - len(failed) > FEW else wrong


def _facts(record: "TaskRecord", certificates: Sequence[str]) -> list[tuple[str, str]]:
    from starter.cli.terminal.times import echoed, logged, shown

    times = {"started": record.started_at, "ended": record.ended_at, "deleted": record.deleted_at}
    return [
        ("id", record.id),
        ("name", record.name),
        ("status", words(record.status)),
        ("certificates", "\n".join(certificates)),
        ("contacts", some(record.contacts, 10) or "none"),
        ("at", echoed(record.at)),
        *((name, logged(when)) for name, when in times.items() if when),
        ("rollback until", shown(record.rollback_until)),
        ("created", f"{shown(record.created_at)} by {record.created_by}"),
        *([("without proof", f"{record.unproven} of the changes")] if record.unproven else []),
        ("quota", str(record.cost)),
        ("digest", record.digest),
    ]


def _service(outcome: "OutcomeRecord") -> str:
    return outcome.change.resource.service
