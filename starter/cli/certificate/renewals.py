"""What became of a successor, one line for each fact; what an upload and a hook share."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from starter.cli.certificate.show import Family, policy_words
from starter.cli.terminal.output import note, say

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.tasks.handover import Handover
    from domain.tasks.record import TaskRecord
    from starter.requests.certificates import Kept
    from storage.settings import Settings
    from storage.store import Store

MOST_REFUSALS = 20
LONGEST_WORD = 13

Fields = list[tuple[str, str]]
Modes = Literal["manual", "propose", "automatic"]
Replaces = Annotated[
    str | None,
    typer.Option(
        "--replaces",
        metavar="NAME|FINGERPRINT|auto|none",
        help="The certificate that this one follows; auto: the one with the same names.",
    ),
]
PolicyMode = Annotated[
    Modes | None,
    typer.Option(
        "--policy",
        metavar="manual|propose|automatic",
        help="What becomes of it and its successors: nothing, a saved plan, a task.",
    ),
]


def hand_over(store: "Store", settings: "Settings", kept: "Kept", by: str) -> "Handover":
    """Does what its policy says; says that the certificate is kept where that cannot be done."""
    from starter.requests.certificates import look

    known = look(store, kept.certificate)
    if known.is_done:
        return known
    from starter.requests.renewals import renew  # only a plan or a task needs all of that

    try:
        return asyncio.run(renew(store, settings, kept.certificate, by))
    except Exception:
        note(
            f"{kept.certificate.name} is stored, but handed over to nothing: run the same command "
            "again once this is mended."
        )
        raise


def renewal_facts(kept: "Kept", renewal: "Handover | None", store: "Store") -> dict[str, Any]:
    """As JSON; `renewal` is None where it could not be done."""
    task = renewal and renewal.task
    return {
        "stored_now": kept.is_new,
        "could_replace": [each.fingerprint for each in kept.rivals],
        "renewal": renewal
        and {**renewal.model_dump(mode="json"), "moved": task and moved(store, task)},
    }


def show_renewal(kept: "Kept", renewal: "Handover", store: "Store") -> None:
    """What follows from it, if anything does."""
    fields = [] if kept.is_new else [("stored", f"before, as {kept.certificate.name}")]
    fields += [("could replace", each.name) for each in kept.rivals]
    if renewal.predecessors:
        fields += handed_over(kept, renewal, store)
    if fields:
        say()
        tell(fields)


def tell(fields: Fields) -> None:
    """A line for each, which begins alike wherever in the output it stands."""
    for name, value in fields:
        say(f"{name:<{LONGEST_WORD}}  {value}")


def identified(kept: "Kept", family: Family) -> Fields:
    """Which certificate it is, and whose successor."""
    from starter.cli.terminal.times import shown

    one, old = kept.certificate, kept.standing.replaces
    told = f"{one.name} ({one.short}), expires {shown(one.not_after)}"
    return [
        ("stored", told if kept.is_new else f"{told}; was stored before"),
        *([("replaces", family.called(old))] if old else []),
        *(("could replace", family.called(each.fingerprint)) for each in kept.rivals),
        ("policy", policy_words(kept.standing.policy)),
    ]


def handed_over(kept: "Kept", renewal: "Handover", store: "Store") -> Fields:
    """What it brings to whoever serves its predecessor, and what was made of that."""
    fields = _differences(kept, store)
    fields += [("names lost", ", ".join(renewal.lost))] if renewal.lost else []
    refused = [("refused", f"{each.subject}: {each.reason}") for each in renewal.refusals]
    fields += refused[:MOST_REFUSALS]
    if len(refused) > MOST_REFUSALS:
        fields += [("refused", f"and {len(refused) - MOST_REFUSALS} more: see --json")]
    return [*fields, *_made(kept.certificate, renewal, store)]


def moved(store: "Store", task: "TaskRecord") -> str | None:
    """Why the task's time is not now, where windows or freezes moved it."""
    from activities.calendar import MOVED

    return next((e.text for e in store.tasks.events(task.id) if e.kind == MOVED), None)


def when(task: "TaskRecord") -> str:
    """Never the word of success for what has not begun."""
    from datetime import UTC, datetime

    from domain.tasks.status import TaskStatus
    from starter.cli.terminal.output import words
    from starter.cli.terminal.times import echoed

    if task.status is not TaskStatus.SCHEDULED:
        return words(task.status)
    return f"scheduled for {'now' if task.at <= datetime.now(UTC) else echoed(task.at)}"


def _differences(kept: "Kept", store: "Store") -> Fields:
    from starter.cli.terminal.times import shown

    old = kept.standing.replaces and store.certificates.held(kept.standing.replaces)
    if not old:
        return []
    new, fields = kept.certificate, []
    if new.algorithm is not old.algorithm:
        fields.append(("key", f"{old.algorithm} before, {new.algorithm} now"))
    if new.not_after < old.not_after:
        fields.append(("expires", f"before what it replaces does ({shown(old.not_after)})"))
    return fields


def _made(certificate: "Certificate", renewal: "Handover", store: "Store") -> Fields:
    fields = [("nothing more", renewal.reason)] if renewal.reason else []
    if task := renewal.task:
        fields += [("task", f"{task.id}, {_resources(renewal.changes)}, {when(task)}")]
        fields += [("moved", text)] if (text := moved(store, task)) else []
        fields += [("watch", f"certroll task watch {task.id}")]
    elif plan := renewal.plan:
        made = "saved now" if renewal.is_new else "saved before"
        fields += [("plan", f"{plan.id}, {_resources(renewal.changes)}, {made}")]
        fields += [("run it", f"certroll task create --plan {plan.id}")]
    elif not renewal.reason:
        known = f"{_resources(renewal.served)}, as far as the last sync tells"
        former = " ".join(f"--serving {each[:12]}" for each in renewal.predecessors)
        fields += [("served by", known)]
        fields += [("by hand", f"certroll plan create -c {certificate.short} {former}")]
    return fields


def _resources(count: int) -> str:
    return "1 resource" if count == 1 else f"{count} resources"
