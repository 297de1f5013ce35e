"""Requests to an existing task: reschedule, cancel, rollback, proceed, stop, retry."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain.errors import BadInput
from starter.cli.shared import (
    By,
    Json,
    Reason,
    Yes,
    confirm,
    get_requester,
    open_store,
    parse_reason,
)
from starter.cli.task.options import IgnoreWindows, parse_ignore_reason
from starter.cli.task.show import show_end
from starter.cli.task.timing import Timing
from starter.cli.task.watch import wait_until_idle
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_json

if TYPE_CHECKING:
    from domain.calendar.windows import AllowedStart
    from domain.tasks.record import OutcomeRecord, TaskRecord
    from starter.temporal.client import Client
    from storage.settings import Settings
    from storage.store import Store

T = TypeVar("T")

Which = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="The name, or the beginning of the id.")
]


def reschedule(
    which: Which,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="TIME",
            help="When to start, as for `task create`. A past time means now.",
        ),
    ],
    ignore_windows: IgnoreWindows = None,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Changes the start time of a waiting task.

    If maintenance windows or freezes forbid that time, the task gets the next allowed time after
    it. This also works for a task that waits for a window between two waves.
    """
    from starter.cli.terminal.times import parse_time
    from starter.requests.reschedule import reschedule as request_reschedule
    from starter.temporal.client import connect

    now, by, ignored = datetime.now(UTC), get_requester(by), parse_ignore_reason(ignore_windows)
    when = parse_time(at, now)
    at_once = when <= now
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        if at_once:
            confirm(f"This time has passed. Start {record.name!r} now?", yes=yes)

        async def run() -> "AllowedStart":
            client = await connect(settings)
            return await request_reschedule(
                store, client, record, when, now=now, by=by, ignore_windows=ignored
            )

        allowed = asyncio.run(run())
    timing = Timing(when, allowed, ignored is not None)
    if as_json:
        at_once = at_once and allowed.at == when
        fields = {"at": allowed.at, "starts_at_once": at_once, **timing.json_fields}
        show_json({"task": record.id, **fields})
    else:
        say(f"{record.name}: {timing.text}")


def cancel(which: Which, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Cancels a task: no further change starts. Deployed certificates stay."""
    from starter.requests.tasks import cancel as request_cancel

    reason, by = parse_reason(reason), get_requester(by)
    with open_store() as (store, settings):
        record = store.tasks.find(which)

        call_task(settings, lambda client: request_cancel(client, record, reason, by))
    if as_json:
        show_json({"task": record.id, "requested": "cancel"})
    else:
        say(f"{record.name}: cancelled, no further change starts.")


def rollback(
    which: Which,
    reason: Reason,
    resource: Annotated[
        list[str] | None,
        typer.Option("--resource", metavar="RESOURCE", help="Only this resource; repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also restore certificates that have expired since.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait until it is rolled back; exit code 5 if a resource is not."
        ),
    ] = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Rolls back a task, whole or in part: each resource serves its former certificate again.

    It works while the task runs and after it has ended; a second request changes nothing. A
    resource that serves a third certificate by now is skipped and reported. So is a resource whose
    former certificate has expired, unless --force is given.
    """
    from starter.requests.tasks import rollback as request_rollback

    reason, by = parse_reason(reason), get_requester(by)
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        outcomes = select_outcomes(store.tasks.outcomes.list(record.id), resource)
        ids = None if resource is None else [each.change.resource.id for each in outcomes]
        _warn(outcomes, force=force)
        whole = "the whole task" if ids is None else f"{len(ids)} resources"
        confirm(f"Roll back {whole} ({record.name})?", yes=yes)
        request = partial(
            request_rollback, record=record, resources=ids, reason=reason, by=by, force=force
        )
        after = asyncio.run(call_and_wait(store, settings, record, request, wait=wait))
        if after is not None:
            show_end(store, after, as_json=as_json)
            outcomes = select_outcomes(store.tasks.outcomes.list(record.id), ids)
            if any(map(_may_still_serve, outcomes)):
                raise CommandFailed(ExitCode.TASK)
            return
    if as_json:
        show_json({"task": record.id, "requested": "rollback", "resources": ids})
    else:
        say(f"{record.name}: rollback requested. Follow it: certroll task show {record.id}")


def proceed(which: Which, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Approves the next wave of a task that waits at a gate.

    Exit code 2 if the task does not wait at a gate; `task show` says what it does.
    """
    from starter.requests.tasks import proceed as request_proceed

    reason, by = parse_reason(reason), get_requester(by)
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        wave = call_task(settings, lambda client: request_proceed(client, record, reason, by))
    if as_json:
        show_json({"task": record.id, "requested": "proceed", "wave": wave})
    else:
        say(f"{record.name}: proceeds with wave {wave}.")


def stop(which: Which, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Stops a running task: no further change starts, and the rest is skipped.

    Deployed certificates stay, and the status of the task follows from its outcomes (after
    `cancel` it is cancelled). `task retry` deploys what was skipped.
    """
    from starter.requests.tasks import stop as request_stop

    reason, by = parse_reason(reason), get_requester(by)
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        call_task(settings, lambda client: request_stop(client, record, reason, by))
    if as_json:
        show_json({"task": record.id, "requested": "stop"})
    else:
        say(f"{record.name}: stopped, no further change starts.")


def retry(
    which: Which,
    reason: Reason,
    resource: Annotated[
        list[str] | None,
        typer.Option("--resource", metavar="RESOURCE", help="Only this resource; repeatable."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait until it ends; exit code 5 if a resource is not deployed."
        ),
    ] = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Retries the failed changes of a task, in the same task.

    This includes changes that could not be verified, that were skipped by a stop, and that the
    task rolled back by itself. Deployed resources are not touched. Quota is reserved again, and
    windows and waves apply as before. While the task still runs, the retry waits for its end.
    """
    from starter.requests.tasks import retry as request_retry

    reason, by = parse_reason(reason), get_requester(by)
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        again = _select_retried(
            record, select_outcomes(store.tasks.outcomes.list(record.id), resource)
        )
        named = [each.change.resource.id for each in again]
        ids = None if resource is None else named
        confirm(f"Retry {len(again)} resources ({record.name})?", yes=yes)
        request = partial(request_retry, record=record, resources=ids, reason=reason, by=by)
        after = asyncio.run(call_and_wait(store, settings, record, request, wait=wait))
        if after is not None:
            show_end(store, after, as_json=as_json)
            if not _succeeded(after, select_outcomes(store.tasks.outcomes.list(record.id), named)):
                raise CommandFailed(ExitCode.TASK)
            return
    if as_json:
        show_json({"task": record.id, "requested": "retry", "resources": named})
    else:
        say(
            f"{record.name}: retry of {len(again)} resources requested. "
            f"Follow it: certroll task show {record.id}"
        )


COMMANDS = (reschedule, cancel, rollback, proceed, stop, retry)


def call_task(settings: "Settings", send: Callable[["Client"], Awaitable[T]]) -> T:
    """Sends one request to the task's workflow and returns the answer."""
    from starter.temporal.client import connect

    async def run() -> T:
        return await send(await connect(settings))

    return asyncio.run(run())


async def call_and_wait(
    store: "Store",
    settings: "Settings",
    record: "TaskRecord",
    send: Callable[["Client"], Awaitable[None]],
    *,
    wait: bool,
) -> "TaskRecord | None":
    """Sends a request. With `wait`, returns the task once the request is done; else None."""
    from starter.temporal.client import connect

    client = await connect(settings)
    await send(client)
    return await wait_until_idle(store, client, record) if wait else None


def select_outcomes(
    outcomes: list["OutcomeRecord"], named: Sequence[str] | None
) -> list["OutcomeRecord"]:
    """Returns the outcomes of the named resources (id or key), by default all. Raises BadInput."""
    if named is None:
        return outcomes
    by_names = [(o, {o.change.resource.id, o.change.resource.key}) for o in outcomes]
    if unknown := [name for name in named if not any(name in names for _, names in by_names)]:
        raise BadInput(
            f"the task has no resource {', '.join(unknown)}",
            where="--resource",
            fix="`certroll task show` lists its resources.",
            code="unknown-resource",
        )
    return [outcome for outcome, names in by_names if names.intersection(named)]


def _warn(outcomes: Sequence["OutcomeRecord"], *, force: bool) -> None:
    now = datetime.now(UTC)
    for outcome in outcomes:
        change = outcome.change
        if reason := change.not_reversible:
            note(f"warning: {change.resource.id} cannot be rolled back: {reason}")
        elif not force and change.before and change.before.has_expired(now):
            note(f"warning: {change.resource.id} served a certificate that has expired (--force)")


def _may_still_serve(outcome: "OutcomeRecord") -> bool:
    """Whether the resource may still serve what the task deployed."""
    from domain.tasks.status import OutcomeStatus as Status

    done = (Status.PENDING, Status.DEPLOYING, Status.SKIPPED, Status.ROLLED_BACK)
    return outcome.applied and outcome.status not in done


def _select_retried(record: "TaskRecord", outcomes: list["OutcomeRecord"]) -> list["OutcomeRecord"]:
    """Returns the outcomes that a retry includes. Raises BadInput if there are none."""
    from domain.tasks.retry import may_retry

    again = [each for each in outcomes if may_retry(each.status, each.cause)]
    if again:
        return again
    raise BadInput(
        "nothing can be retried: no change failed, was skipped by a stop, or was rolled back by "
        "the task itself",
        where=f"task {record.id}",
        fix=f"See its outcomes: certroll task show {record.id}",
        code="nothing-to-retry",
    )


def _succeeded(record: "TaskRecord", outcomes: list["OutcomeRecord"]) -> bool:
    from domain.tasks.status import OutcomeStatus as Status

    fine = {Status.DEPLOYED}
    if record.rollout.accept_unverified:
        fine.add(Status.UNVERIFIED)
    return all(each.status in fine for each in outcomes)
