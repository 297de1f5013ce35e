"""`certroll task`: deployment tasks, from creation to rollback."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.cli import report
from starter.cli.option_groups import with_options
from starter.cli.plan.preflight import Checks, check_task, parse_check_policies
from starter.cli.plan.saved import list_certificates
from starter.cli.plan.selection import Selection
from starter.cli.plan.show import Explain, estimate_duration, show_plan
from starter.cli.plan.wave_options import WaveOptions, read_policy
from starter.cli.plan.waves import preview_default_waves, summarize_task_waves, waves_to_json
from starter.cli.shared import (
    By,
    Json,
    Yes,
    get_requester,
    open_store,
    parse_name,
    parse_or_build_name,
)
from starter.cli.task import drafts, requests
from starter.cli.task.create import TaskCreation, check_digest
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
    parse_ignore_reason,
)
from starter.cli.task.plan_choice import check_choice, choose_plan
from starter.cli.task.show import show_deliveries, show_end, show_list, show_task
from starter.cli.task.watch import wait_until_ended
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import show_json, show_json_line
from starter.cli.verify import verify_task

app = typer.Typer(no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="The name, or the beginning of the id.")
]


@app.command()
@with_options(WaveOptions)
@with_options(Selection)
def create(
    chosen: Selection,
    waves: WaveOptions,
    plan: PlanId = None,
    remake: Remake = False,
    draft: Annotated[
        bool,
        typer.Option(
            "--draft", help="Only save a draft: `task edit` changes it, `task submit` starts it."
        ),
    ] = False,
    name: Name = None,
    contact: Contacts = None,
    at: At = "now",
    ignore_windows: IgnoreWindows = None,
    check: Checks = None,
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest",
            metavar="HEX",
            help="Refuse any plan but this one, as `plan create` showed its digest.",
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
    """Shows the plan, asks for confirmation, and creates a task that executes it.

    The plan is a saved one (--plan), or is made now from certificates and targets. A saved plan is
    executed exactly as it is: if its resources, certificates or rules have changed since, the
    command shows the differences and refuses it.
    """
    from domain.plans.builder import check_not_empty
    from domain.plans.quota import check_reservation
    from domain.plans.rules import check_contacts
    from domain.tasks.spec import TaskSpec
    from starter.cli.terminal.times import parse_time

    check_choice(chosen, plan, remake=remake)
    now, by = datetime.now(UTC), get_requester(by)
    when, contacts = parse_time(at, now), tuple(contact or ())
    given, policy = None if name is None else parse_name(name), read_policy(waves)
    check_contacts(contacts)
    checks = parse_check_policies(check)
    with open_store() as (store, settings):
        for each in contacts:
            store.contacts.get(each)
        found = choose_plan(store, chosen, plan, remake=remake, begins=when, as_json=as_json)
        balance, waving = (
            store.quota.get_balance(),
            preview_default_waves(found.plan.changes, policy),
        )
        if not as_json:
            certificates, estimate = (
                list_certificates(store, found.plan),
                estimate_duration(store, found.plan),
            )
            show_plan(found.plan, certificates, balance, estimate, explain=explain, waving=waving)
        check_not_empty(found.plan)
        check_digest(found.plan, digest)
        spec = TaskSpec(
            name=given or found.name or parse_or_build_name(None, chosen.certificate, now),
            contacts=contacts,
            at=when,
            created_by=by,
            plan=found.plan,
            plan_request=found.plan_request,
            require_coverage=found.require_coverage,
            rollback_days=rollback_days,
            concurrency=concurrency,
            rollout=waving.rollout,
            ignore_windows=parse_ignore_reason(ignore_windows),
            checks=dict(checks),
        )
        creation = TaskCreation(store, settings, as_json=as_json)
        if draft:
            creation.create_draft(found, spec)
            return
        check_reservation(found.plan.cost, balance)
        asyncio.run(creation.create(found, spec, yes=yes, wait=wait))


@app.command("list")
def list_(
    status: Annotated[
        str | None,
        typer.Option(
            "--status", metavar="STATUS", help="Only tasks of this status, for example scheduled."
        ),
    ] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Also deleted tasks.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="At most this many.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Lists tasks, newest first."""
    from starter.cli.task.options import parse_status

    only = None if status is None else parse_status(status)
    with open_store() as (store, _):
        records = store.tasks.list(deleted, only, limit)
    if as_json:
        show_json(records)
    else:
        show_list(records)


@app.command()
def show(
    which: Which,
    all_: Annotated[
        bool, typer.Option("--all", help="List every outcome, also the many successful ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Shows one task: waves, outcomes by service, causes, audit log, notifications.

    Of a service with many outcomes, only problems are listed; --all and --json list everything.
    """
    with open_store() as (store, _):
        record = store.tasks.find(which)
        outcomes, events = store.tasks.outcomes.list(record.id), store.tasks.list_events(record.id)
        entries = list(store.quota.list_entries(record.id))
        deliveries = store.deliveries.list(record.id)
        known = {each.fingerprint: each.name for each in store.certificates.list()}
    if as_json:
        waves = waves_to_json(summarize_task_waves(record.rollout, outcomes), outcomes)
        show_json(
            {
                "task": record,
                "waves": waves,
                "outcomes": outcomes,
                "events": events,
                "quota": entries,
                "notifications": deliveries,
            }
        )
        return
    certificates = [f"{known.get(each, 'deleted')} ({each[:12]})" for each in record.certificates]
    show_task(record, certificates, outcomes, events, show_all=all_)
    show_deliveries(deliveries)


@app.command()
def watch(which: Which, as_json: Json = False) -> None:
    """Shows a task live until it has ended.

    Exit code 5 unless it has succeeded. --json prints one line for each change of its state.
    """
    from domain.tasks.status import TaskStatus

    with open_store() as (store, _):
        record = store.tasks.find(which)
        if record.status is TaskStatus.DRAFT:
            raise BadInput(
                "a draft does not run, so it cannot be watched",
                where=f"task {record.id}",
                fix=f"Submit it first: certroll task submit {record.id}",
                code="task-is-draft",
            )
        finished = asyncio.run(wait_until_ended(store, record, show_json_line if as_json else None))
        if not as_json:
            show_end(store, finished, as_json=False)
    if finished.status is not TaskStatus.SUCCEEDED:
        raise CommandFailed(ExitCode.TASK)


for _command in (
    *drafts.COMMANDS,
    *requests.COMMANDS,
    delete,
):
    app.command()(_command)
app.command("check")(check_task)
app.command("verify")(verify_task)
app.command("report")(report.write_report)
