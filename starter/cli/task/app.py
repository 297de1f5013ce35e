"""`certroll task`: deployment tasks, from their making to the way back."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.cli import report
from starter.cli.option_groups import sharing
from starter.cli.plan.preflight import Checks, check_task, said
from starter.cli.plan.saved import certificates_of
from starter.cli.plan.selection import Selection
from starter.cli.plan.show import Explain, estimated, show_plan
from starter.cli.plan.wave_options import WaveOptions, read_policy
from starter.cli.plan.waves import counted, default_waving, of_task
from starter.cli.shared import By, Json, Yes, checked_name, name_for, opened, who
from starter.cli.task import drafts, requests, wave_requests
from starter.cli.task.create import Asked, Creation, check_digest
from starter.cli.task.delete import delete
from starter.cli.task.options import (
    At,
    Concurrency,
    Contacts,
    IgnoreWindows,
    Name,
    PlanId,
    Remake,
    RollbackDays,
    Wait,
    reason_to_ignore,
)
from starter.cli.task.plan_choice import check_choice, choose
from starter.cli.task.show import show_end, show_list, show_task, show_told
from starter.cli.task.watch import until_ended
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import json_line, show_json
from starter.cli.verify import verify_task

app = typer.Typer(no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


@app.command()
@sharing(WaveOptions)
@sharing(Selection)
def create(
    chosen: Selection,
    waves: WaveOptions,
    plan: PlanId = None,
    remake: Remake = False,
    draft: Annotated[
        bool, typer.Option("--draft", help="Begin nothing yet: it may be edited, then submitted.")
    ] = False,
    name: Name = None,
    contact: Contacts = None,
    at: At = "now",
    ignore_windows: IgnoreWindows = None,
    check: Checks = None,
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest", metavar="HEX", help="Do exactly this plan, as `plan create` showed it."
        ),
    ] = None,
    wait: Wait = False,
    rollback_days: RollbackDays = 30,
    concurrency: Concurrency = 100,
    explain: Explain = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Shows the plan, asks, and creates a task that does it.

    The plan is a saved one (--plan), or is made at once of certificates and where they go. A saved
    one is done exactly as it is: if anything that it was made of has moved since, it is refused,
    and the difference is shown.
    """
    from domain.plans.builder import refuse_empty
    from domain.plans.quota import check_reservation
    from domain.plans.rules import check_contacts
    from starter.cli.terminal.times import parse_time

    check_choice(chosen, plan, remake=remake)
    now, by = datetime.now(UTC), who(by)
    when, contacts = parse_time(at, now), tuple(contact or ())
    given, policy = None if name is None else checked_name(name), read_policy(waves)
    check_contacts(contacts)
    checks = said(check)
    with opened() as (store, settings):
        for each in contacts:
            store.contacts.get(each)
        found = choose(store, chosen, plan, remake=remake, begins=when, as_json=as_json)
        balance, waving = store.quota.balance(), default_waving(found.plan.changes, policy)
        if not as_json:
            certificates, estimate = (
                certificates_of(store, found.plan),
                estimated(store, found.plan),
            )
            show_plan(found.plan, certificates, balance, estimate, explain=explain, waving=waving)
        refuse_empty(found.plan)
        check_digest(found.plan, digest)
        asked = Asked(
            name=given or found.name or name_for(None, chosen.certificate, now),
            contacts=contacts,
            at=when,
            by=by,
            rollback_days=rollback_days,
            concurrency=concurrency,
            rollout=waving.rollout,
            ignore_windows=reason_to_ignore(ignore_windows),
            checks=checks,
        )
        creation = Creation(store, settings, as_json=as_json)
        if draft:
            creation.draft(found, asked)
            return
        check_reservation(found.plan.cost, balance)
        asyncio.run(creation.create(found, asked, yes=yes, wait=wait))


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
    from starter.cli.task.options import known_status

    only = None if status is None else known_status(status)
    with opened() as (store, _):
        records = store.tasks.list(deleted, only, limit)
    if as_json:
        show_json(records)
    else:
        show_list(records)


@app.command()
def show(
    which: Which,
    all_: Annotated[
        bool, typer.Option("--all", help="Every outcome, also where there are many that are fine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Shows one task: outcomes by service, causes, audit.

    Of a service with many outcomes only those are listed that are not fine; --all lists all, and so
    does --json.
    """
    with opened() as (store, _):
        record = store.tasks.find(which)
        outcomes, events = store.tasks.outcomes.list(record.id), store.tasks.events(record.id)
        entries = list(store.quota.entries(record.id))
        deliveries = store.deliveries.of_task(record.id)
        known = {each.fingerprint: each.name for each in store.certificates.list()}
    if as_json:
        waves = counted(of_task(record.rollout, outcomes), outcomes)
        told = {"task": record, "waves": waves, "outcomes": outcomes}
        facts = {"events": events, "quota": entries, "notifications": deliveries}
        show_json({**told, **facts})
        return
    certificates = [f"{known.get(each, 'deleted')} ({each[:12]})" for each in record.certificates]
    show_task(record, certificates, outcomes, events, show_all=all_)
    show_told(deliveries)


@app.command()
def watch(which: Which, as_json: Json = False) -> None:
    """Shows a task live until nothing of it runs any more.

    Ends with exit code 5 unless it has succeeded. With --json there is a line for each change of
    its state.
    """
    from domain.tasks.status import TaskStatus

    with opened() as (store, _):
        record = store.tasks.find(which)
        if record.status is TaskStatus.DRAFT:
            raise BadInput(
                "a draft does nothing that could be watched",
                where=f"task {record.id}",
                fix=f"Submit it: certroll task submit {record.id}",
            )
        ended = asyncio.run(until_ended(store, record, json_line if as_json else None))
        if not as_json:
            show_end(store, ended, as_json=False)
    if ended.status is not TaskStatus.SUCCEEDED:
        raise Problem(Code.TASK)


for _command in (
    *drafts.COMMANDS,
    *requests.COMMANDS,
    *wave_requests.COMMANDS,
    delete,
):
    app.command()(_command)
app.command("check")(check_task)
app.command("verify")(verify_task)
app.command("report")(report.write)
