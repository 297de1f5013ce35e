"""Hands a renewed certificate over to its policy, and shows the result.

Called by `certificate upload` and `certroll hook`.
"""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from starter.cli.certificate.show import CertificateFamily, format_policy
from starter.cli.terminal.output import note, say

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.tasks.handover import RenewalResult
    from domain.tasks.record import TaskRecord
    from starter.requests.certificates import SavedCertificate
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
        help="The certificate that this one replaces; auto: the one with the same names.",
    ),
]
PolicyMode = Annotated[
    Modes | None,
    typer.Option(
        "--policy",
        metavar="manual|propose|automatic",
        help="What happens at a renewal: nothing, a saved plan, or a task.",
    ),
]


def hand_over(
    store: "Store", settings: "Settings", saved: "SavedCertificate", by: str
) -> "RenewalResult":
    """Applies the renewal policy. If that fails, says that the certificate is stored."""
    from starter.requests.certificates import build_handover

    known = build_handover(store, saved.certificate)
    if known.is_done:
        return known
    from starter.requests.renewals import renew  # only a plan or a task needs all of that

    try:
        return asyncio.run(renew(store, settings, saved.certificate, by))
    except Exception:
        note(
            f"{saved.certificate.name} is stored, but its policy was not applied. Fix the error, "
            "then run the same command again."
        )
        raise


def renewal_to_json(
    saved: "SavedCertificate", renewal: "RenewalResult | None", store: "Store"
) -> dict[str, Any]:
    """Converts the result to JSON; `renewal` is None if it failed."""
    task = renewal and renewal.task
    return {
        "stored_now": saved.is_new,
        "could_replace": [each.fingerprint for each in saved.candidates],
        "renewal": renewal
        and {
            **renewal.model_dump(mode="json"),
            "postponed": task and get_postponement(store, task),
        },
    }


def show_renewal(saved: "SavedCertificate", renewal: "RenewalResult", store: "Store") -> None:
    """Prints what the renewal led to, if anything."""
    fields = [] if saved.is_new else [("stored", f"earlier, as {saved.certificate.name}")]
    fields += [("could replace", each.name) for each in saved.candidates]
    if renewal.predecessors:
        fields += list_handover_fields(saved, renewal, store)
    if fields:
        say()
        say_fields(fields)


def say_fields(fields: Fields) -> None:
    """Prints one line for each field, aligned alike in all parts of the output."""
    for name, value in fields:
        say(f"{name:<{LONGEST_WORD}}  {value}")


def list_identity_fields(saved: "SavedCertificate", family: CertificateFamily) -> Fields:
    """Lists which certificate it is, and which one it replaces."""
    from starter.cli.terminal.times import format_minute

    one, old = saved.certificate, saved.renewal.replaces
    text = f"{one.name} ({one.short_fingerprint}), expires {format_minute(one.not_after)}"
    return [
        ("stored", text if saved.is_new else f"{text}; it was stored before"),
        *([("replaces", family.get_label(old))] if old else []),
        *(("could replace", family.get_label(each.fingerprint)) for each in saved.candidates),
        ("policy", format_policy(saved.renewal.policy)),
    ]


def list_handover_fields(
    saved: "SavedCertificate", renewal: "RenewalResult", store: "Store"
) -> Fields:
    """Lists what changes for resources that serve the predecessor, and the plan or task."""
    fields = _list_difference_fields(saved, store)
    fields += [("names lost", ", ".join(renewal.names_lost))] if renewal.names_lost else []
    refused = [("refused", f"{each.subject}: {each.reason}") for each in renewal.refusals]
    fields += refused[:MOST_REFUSALS]
    if len(refused) > MOST_REFUSALS:
        fields += [("refused", f"and {len(refused) - MOST_REFUSALS} more: see --json")]
    return [*fields, *_list_result_fields(saved.certificate, renewal, store)]


def get_postponement(store: "Store", task: "TaskRecord") -> str | None:
    """Returns why windows or freezes postponed the task; None if they did not."""
    from domain.tasks.audit import TaskEventCode

    return next(
        (e.text for e in store.tasks.list_events(task.id) if e.code is TaskEventCode.POSTPONED),
        None,
    )


def describe_start(task: "TaskRecord") -> str:
    """Describes the status of a task; a task that has not started never reads like a success."""
    from datetime import UTC, datetime

    from domain.tasks.status import TaskStatus
    from starter.cli.terminal.output import humanize
    from starter.cli.terminal.times import format_with_offset

    if task.status is not TaskStatus.SCHEDULED:
        return humanize(task.status)
    return f"scheduled for {'now' if task.at <= datetime.now(UTC) else format_with_offset(task.at)}"


def _list_difference_fields(saved: "SavedCertificate", store: "Store") -> Fields:
    from starter.cli.terminal.times import format_minute

    old = saved.renewal.replaces and store.certificates.get_if_stored(saved.renewal.replaces)
    if not old:
        return []
    new, fields = saved.certificate, []
    if new.algorithm is not old.algorithm:
        fields.append(("key", f"{old.algorithm} before, {new.algorithm} now"))
    if new.not_after < old.not_after:
        fields.append(
            (
                "expires",
                f"earlier than the certificate it replaces ({format_minute(old.not_after)})",
            )
        )
    return fields


def _list_result_fields(
    certificate: "Certificate", renewal: "RenewalResult", store: "Store"
) -> Fields:
    fields = [("not renewed", renewal.reason)] if renewal.reason else []
    if task := renewal.task:
        fields += [
            ("task", f"{task.id}, {_format_resources(renewal.changes)}, {describe_start(task)}")
        ]
        fields += [("postponed", text)] if (text := get_postponement(store, task)) else []
        fields += [("watch", f"certroll task watch {task.id}")]
    elif plan := renewal.plan:
        made = "saved now" if renewal.is_new else "saved earlier"
        fields += [("plan", f"{plan.id}, {_format_resources(renewal.changes)}, {made}")]
        fields += [("run it", f"certroll task create --plan {plan.id}")]
    elif not renewal.reason:
        known = f"{_format_resources(renewal.resources_served)}, as of the last sync"
        former = " ".join(f"--serving {each[:12]}" for each in renewal.predecessors)
        fields += [("served by", known)]
        fields += [("by hand", f"certroll plan create -c {certificate.short_fingerprint} {former}")]
    return fields


def _format_resources(count: int) -> str:
    return "1 resource" if count == 1 else f"{count} resources"
