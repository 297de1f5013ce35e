"""What can be asked of a task that was created: another time, an end, the way back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain.errors import BadInput
from starter.cli.shared import By, Json, Reason, Yes, confirm, opened, who, why
from starter.cli.task.options import IgnoreWindows, reason_to_ignore
from starter.cli.task.show import show_end
from starter.cli.task.timing import Timing
from starter.cli.task.watch import until_idle
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_json

if TYPE_CHECKING:
    from temporalio.client import Client

    from domain.calendar.windows import Opening
    from domain.tasks.record import OutcomeRecord, TaskRecord
    from storage.settings import Settings
    from storage.store import Store

T = TypeVar("T")

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


def reschedule(
    which: Which,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="As for `task create`; past: at once.")
    ],
    ignore_windows: IgnoreWindows = None,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Gives a waiting task another time.

    Outside its maintenance windows, or in a freeze, it gets their next opening after that time. A
    task that waits for that in its middle may be given another time too.
    """
    from starter.cli.terminal.times import parse_time
    from starter.requests.reschedule import reschedule as ask
    from starter.temporal.client import connect

    now, by, ignored = datetime.now(UTC), who(by), reason_to_ignore(ignore_windows)
    when = parse_time(at, now)
    at_once = when <= now
    with opened() as (store, settings):
        record = store.tasks.find(which)
        if at_once:
            confirm(f"This time has passed: start {record.name!r} at once?", yes=yes)

        async def run() -> "Opening":
            client = await connect(settings)
            return await ask(store, client, record, when, now=now, by=by, ignore_windows=ignored)

        found = asyncio.run(run())
    timed = Timing(when, found, ignored is not None)
    if as_json:
        at_once = at_once and found.at == when
        facts = {"at": found.at, "starts_at_once": at_once, **timed.facts}
        show_json({"task": record.id, **facts})
    else:
        say(f"{record.name}: {timed.told}")


def cancel(which: Which, reason: Reason, by: By = None, as_json: Json = False) -> None:
    """Begins nothing more of a task; what is deployed stays."""
    from starter.requests.tasks import cancel as ask

    reason, by = why(reason), who(by)
    with opened() as (store, settings):
        record = store.tasks.find(which)

        asked(settings, lambda client: ask(client, record, reason, by))
    if as_json:
        show_json({"task": record.id, "asked": "cancel"})
    else:
        say(f"{record.name}: nothing more of it is begun.")


def rollback(
    which: Which,
    reason: Reason,
    resource: Annotated[
        list[str] | None,
        typer.Option("--resource", metavar="RESOURCE", help="Only this one; repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also to certificates that have expired meanwhile.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it is back; code 5 if not all is.")
    ] = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Takes a task back, whole or in part.

    Each resource serves again what it served before. It may be asked while the task runs or after
    it has ended; asking twice changes nothing more. A resource that meanwhile serves something
    else is left alone, and told. So is one whose former certificate has expired: --force serves
    that one again.
    """
    from starter.requests.tasks import rollback as ask

    reason, by = why(reason), who(by)
    with opened() as (store, settings):
        record = store.tasks.find(which)
        outcomes = chosen(store.tasks.outcomes.list(record.id), resource)
        ids = None if resource is None else [each.change.resource.id for each in outcomes]
        _warn(outcomes, force=force)
        whole = "the whole task" if ids is None else f"{len(ids)} resources"
        confirm(f"Take back {whole} ({record.name})?", yes=yes)
        wanted = partial(ask, record=record, resources=ids, reason=reason, by=by, force=force)
        after = asyncio.run(ended(store, settings, record, wanted, wait=wait))
        if after is not None:
            show_end(store, after, as_json=as_json)
            left = chosen(store.tasks.outcomes.list(record.id), ids)
            if any(map(_is_left, left)):
                raise Problem(Code.TASK)
            return
    if as_json:
        show_json({"task": record.id, "asked": "rollback", "resources": ids})
    else:
        say(f"{record.name}: asked for the way back. Look: certroll task show {record.id}")


COMMANDS = (reschedule, cancel, rollback)


def asked(settings: "Settings", ask: Callable[["Client"], Awaitable[T]]) -> T:
    """What the engine answers to one question."""
    from starter.temporal.client import connect

    async def run() -> T:
        return await ask(await connect(settings))

    return asyncio.run(run())


async def ended(
    store: "Store",
    settings: "Settings",
    record: "TaskRecord",
    ask: Callable[["Client"], Awaitable[None]],
    *,
    wait: bool,
) -> "TaskRecord | None":
    """Asks, and gives the task once that has been done; None if that is not waited for."""
    from starter.temporal.client import connect

    client = await connect(settings)
    await ask(client)
    return await until_idle(store, client, record) if wait else None


def chosen(outcomes: list["OutcomeRecord"], named: Sequence[str] | None) -> list["OutcomeRecord"]:
    """Those of the named resources, by id or key; all if none is named. BadInput for a stranger."""
    if named is None:
        return outcomes
    called = [(o, {o.change.resource.id, o.change.resource.key}) for o in outcomes]
    if unknown := [name for name in named if not any(name in names for _, names in called)]:
        raise BadInput(
            f"not in this task: {', '.join(unknown)}",
            where="--resource",
            fix="`certroll task show` lists its resources.",
        )
    return [outcome for outcome, names in called if names.intersection(named)]


def _warn(outcomes: Sequence["OutcomeRecord"], *, force: bool) -> None:
    now = datetime.now(UTC)
    for outcome in outcomes:
        change = outcome.change
        if reason := change.not_reversible:
            note(f"warning: {change.resource.id} has no way back: {reason}")
        elif not force and change.before and change.before.has_expired(now):
            note(f"warning: {change.resource.id} served a certificate that has expired; --force")


def _is_left(outcome: "OutcomeRecord") -> bool:
    """Whether it may still serve what the task deployed."""
    from domain.tasks.status import OutcomeStatus as Status

    gone = (Status.PENDING, Status.DEPLOYING, Status.SKIPPED, Status.ROLLED_BACK)
    return outcome.applied and outcome.status not in gone
