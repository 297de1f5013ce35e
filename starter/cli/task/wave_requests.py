"""What can be asked of a task between its waves and after its end: go on, stop, try once more."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import By, Json, Reason, Yes, confirm, opened, who, why
from starter.cli.task.requests import Which, asked, chosen, ended
from starter.cli.task.show import show_end
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import say, show_json

if TYPE_CHECKING:
    from domain.tasks.record import OutcomeRecord, TaskRecord


def proceed(which: Which, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Lets a task that waits for a person's word go on with its next wave.

    Exit code 2 where it does not wait for that; `task show` tells what it is at.
    """
    from starter.requests.tasks import proceed as ask

    reason, by = why(reason), who(by)
    with opened() as (store, settings):
        record = store.tasks.find(which)
        wave = asked(settings, lambda client: ask(client, record, reason, by))
    if as_json:
        show_json({"task": record.id, "asked": "proceed", "wave": wave})
    else:
        say(f"{record.name}: goes on with wave {wave}.")


def stop(which: Which, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Begins no further change of a running task, and skips the rest.

    What is deployed stays, and decides what the task is called: `cancel` calls it cancelled. What
    is skipped can be taken up by `task retry`.
    """
    from starter.requests.tasks import stop as ask

    reason, by = why(reason), who(by)
    with opened() as (store, settings):
        record = store.tasks.find(which)
        asked(settings, lambda client: ask(client, record, reason, by))
    if as_json:
        show_json({"task": record.id, "asked": "stop"})
    else:
        say(f"{record.name}: begins no further change.")


def retry(
    which: Which,
    reason: Reason,
    resource: Annotated[
        list[str] | None,
        typer.Option("--resource", metavar="RESOURCE", help="Only this one; repeatable."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it ends; code 5 if not all is deployed.")
    ] = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Tries once more, in the same task, what failed.

    Also what could not be verified, what was skipped because the task was stopped, and what the
    task itself has taken back. What is deployed is not touched. Quota is reserved again; windows
    and waves are heeded as the first time. Of a task that runs, it begins once that has ended.
    """
    from starter.requests.tasks import retry as ask

    reason, by = why(reason), who(by)
    with opened() as (store, settings):
        record = store.tasks.find(which)
        again = _retried(record, chosen(store.tasks.outcomes.list(record.id), resource))
        named = [each.change.resource.id for each in again]
        ids = None if resource is None else named
        confirm(f"Try {len(again)} resources again ({record.name})?", yes=yes)
        wanted = partial(ask, record=record, resources=ids, reason=reason, by=by)
        after = asyncio.run(ended(store, settings, record, wanted, wait=wait))
        if after is not None:
            show_end(store, after, as_json=as_json)
            if not _succeeded(after, chosen(store.tasks.outcomes.list(record.id), named)):
                raise Problem(Code.TASK)
            return
    if as_json:
        show_json({"task": record.id, "asked": "retry", "resources": named})
    else:
        say(f"{record.name}: tries {len(again)} again. Look: certroll task show {record.id}")


COMMANDS = (proceed, stop, retry)


def _retried(record: "TaskRecord", outcomes: list["OutcomeRecord"]) -> list["OutcomeRecord"]:
    """Those that a retry takes up; BadInput if it would take none."""
    from domain.tasks.retry import may_be_retried

    again = [each for each in outcomes if may_be_retried(each.status, each.cause)]
    if again:
        return again
    raise BadInput(
        "nothing of it is to be tried again: nothing failed, was skipped by a stop, or was taken "
        "back by the task itself",
        where=f"task {record.id}",
        fix=f"Look at it: certroll task show {record.id}",
    )


def _succeeded(record: "TaskRecord", outcomes: list["OutcomeRecord"]) -> bool:
    from domain.tasks.status import OutcomeStatus as Status

    fine = {Status.DEPLOYED}
    if record.rollout.accept_unverified:
        fine.add(Status.UNVERIFIED)
    return all(each.status in fine for each in outcomes)
