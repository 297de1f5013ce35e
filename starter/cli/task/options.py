"""Options of a task, shared by the commands that create and edit it."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import parse_reason

if TYPE_CHECKING:
    from domain.tasks.status import TaskStatus

PlanId = Annotated[
    str | None,
    typer.Option(
        "--plan", metavar="ID|NAME", help="Execute this saved plan, exactly as it was shown."
    ),
]
Remake = Annotated[
    bool,
    typer.Option(
        "--remake", help="Make the plan again from its request, and show the differences first."
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="TEXT", help="Default: the name of the plan, or certificate and time."
    ),
]
Contacts = Annotated[
    list[str] | None,
    typer.Option("--contact", metavar="NAME", help="Whom to notify; repeatable, at most 10."),
]
At = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="TIME",
        help='When to start: RFC 3339, "2026-12-01 03:00" (local time) or "in 2h30m".',
    ),
]
IgnoreWindows = Annotated[
    str | None,
    typer.Option(
        "--ignore-windows",
        metavar="REASON",
        help="Ignore maintenance windows and freezes. The reason goes into the audit log.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until the task ends; exit code 5 if it fails.")
]
RollbackDays = Annotated[
    int,
    typer.Option(
        "--rollback-days", metavar="N", min=0, max=365, help="How many days it can be rolled back."
    ),
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", min=1, max=500, help="Changes in parallel.")
]


def parse_ignore_reason(given: str | None) -> str | None:
    """Checks the reason of --ignore-windows; None where it was not given."""
    return None if given is None else parse_reason(given, "--ignore-windows")


def parse_status(status: str) -> "TaskStatus":
    """Returns the status of this name. Raises BadInput that lists all of them."""
    from domain.tasks.status import TaskStatus

    known = [each.value for each in TaskStatus]
    if status not in known:
        raise BadInput(
            f"there is no status {status[:60]!r}",
            where="--status",
            fix=f"Use {', '.join(known)}.",
            code="unknown-status",
        )
    return TaskStatus(status)
