"""The options of a task beside its plan, for the commands that make and edit it."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import why

if TYPE_CHECKING:
    from domain.tasks.status import TaskStatus

PlanId = Annotated[
    str | None,
    typer.Option("--plan", metavar="ID|NAME", help="Exactly this saved plan, as it was shown."),
]
Remake = Annotated[
    bool,
    typer.Option("--remake", help="Make it anew from its wish; what differs is shown first."),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="TEXT", help="By default the plan's, or certificate and time."),
]
Contacts = Annotated[
    list[str] | None,
    typer.Option("--contact", metavar="NAME", help="Whom to tell; repeatable, at most 10."),
]
At = Annotated[
    str,
    typer.Option(
        "--at", metavar="TIME", help='RFC 3339, "2026-12-01 03:00" (local) or "in 2h30m".'
    ),
]
IgnoreWindows = Annotated[
    str | None,
    typer.Option(
        "--ignore-windows",
        metavar="REASON",
        help="Heed neither maintenance windows nor freezes; the reason goes into the audit.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Until it ends; code 5 on failure.")]
RollbackDays = Annotated[
    int,
    typer.Option(
        "--rollback-days", metavar="N", min=0, max=365, help="How long it may be taken back."
    ),
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", min=1, max=500, help="Changes at once.")
]


def reason_to_ignore(given: str | None) -> str | None:
    """Why windows and freezes are not heeded; None where they are."""
    return None if given is None else why(given, "--ignore-windows")


def known_status(status: str) -> "TaskStatus":
    """The status of this name; BadInput that tells those there are."""
    from domain.tasks.status import TaskStatus

    known = [each.value for each in TaskStatus]
    if status not in known:
        raise BadInput(f"{status!r} is no status", where="--status", fix=f"Use {', '.join(known)}.")
    return TaskStatus(status)
