"""`certroll task`: deployment tasks, from their making to the way back."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.commands import _task_requests
from starter.commands._creating import Creation, check_digest, name_for
from starter.commands._plans import show_plan
from starter.commands._selection import (
    Accounts,
    AllMatched,
    Certificates,
    RequireCoverage,
    Resources,
    Services,
    planned,
)
from starter.commands._shared import By, Json, Yes, opened, who
from starter.commands._tasks import show_end, show_list, show_task
from starter.commands._watching import until_ended
from starter.exits import Code, Problem
from starter.output import json_line, show_json

app = typer.Typer(no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


@app.command()
def create(
    certificate: Certificates,
    account: Accounts = None,
    service: Services = None,
    resource: Resources = None,
    all_matched: AllMatched = False,
    require_coverage: RequireCoverage = False,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="TEXT", help="By default of certificate and time."),
    ] = None,
    contact: Annotated[
        list[str] | None,
        typer.Option("--contact", metavar="NAME", help="Whom to tell; repeatable, at most 10."),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="TIME", help='RFC 3339, "2026-12-01 03:00" (local) or "in 2h30m".'
        ),
    ] = "now",
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest", metavar="HEX", help="Do exactly this plan, as `certroll plan` showed it."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it ends; code 5 on failure.")] = False,
    rollback_days: Annotated[
        int,
        typer.Option(
            "--rollback-days", metavar="N", min=0, max=365, help="How long it may be taken back."
        ),
    ] = 30,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, max=500, help="Changes at once.")
    ] = 100,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Shows the plan, asks, and creates a task that does it."""
    from domain.planning import refuse_empty
    from domain.quota import check_reservation
    from domain.rules import check_contacts
    from starter.times import parse_time

    now, contacts, by = datetime.now(UTC), contact or [], who(by)
    when, name = parse_time(at, now), name_for(name, certificate, now)
    check_contacts(contacts)
    with opened() as (store, settings):
        for each in contacts:
            store.contacts.get(each)
        plan = planned(
            store,
            certificate,
            account,
            service,
            resource,
            all_matched=all_matched,
            require_coverage=require_coverage,
            quiet=as_json,
        )
        balance = store.quota.balance()
        if not as_json:
            certificates = [store.certificates.get(each) for each in plan.certificates]
            show_plan(plan, certificates, balance)
        refuse_empty(plan)
        check_digest(plan, digest)
        check_reservation(plan.cost, balance)
        creation = Creation(store, settings, as_json=as_json)
        asyncio.run(
            creation.create(
                plan,
                name=name,
                contacts=contacts,
                at=when,
                by=by,
                rollback_days=rollback_days,
                concurrency=concurrency,
                yes=yes,
                wait=wait,
                require_coverage=require_coverage,
            )
        )


@app.command("list")
def list_(
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only those that are, say, scheduled."),
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted ones too.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Lists tasks, newest first."""
    from domain.status import TaskStatus

    known = [each.value for each in TaskStatus]
    if status is not None and status not in known:
        raise BadInput(f"{status!r} is no status", where="--status", fix=f"Use {', '.join(known)}.")
    with opened() as (store, _):
        records = store.tasks.list(deleted, None if status is None else TaskStatus(status), limit)
    if as_json:
        show_json(records)
    else:
        show_list(records)


@app.command()
def show(which: Which, as_json: Json = False) -> None:
    """Shows one task: outcomes by service, causes, audit."""
    with opened() as (store, _):
        record = store.tasks.find(which)
        outcomes, events = store.tasks.outcomes.list(record.id), store.tasks.events(record.id)
        entries = list(store.quota.entries(record.id))
        known = {each.fingerprint: each.name for each in store.certificates.list()}
    if as_json:
        show_json({"task": record, "outcomes": outcomes, "events": events, "quota": entries})
        return
    certificates = [f"{known.get(each, 'deleted')} ({each[:12]})" for each in record.certificates]
    show_task(record, certificates, outcomes, events)


@app.command()
def watch(which: Which, as_json: Json = False) -> None:
    """Shows a task live until nothing of it runs any more.

    Ends with exit code 5 unless it has succeeded. With --json there is a line for each change of
    its state.
    """
    from domain.status import TaskStatus

    with opened() as (store, _):
        record = store.tasks.find(which)
        ended = asyncio.run(until_ended(store, record, json_line if as_json else None))
        if not as_json:
            show_end(store, ended, as_json=False)
    if ended.status is not TaskStatus.SUCCEEDED:
        raise Problem(Code.TASK)


for _command in _task_requests.COMMANDS:
    app.command()(_command)
