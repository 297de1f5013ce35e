"""`certroll task edit` and `certroll task submit`: drafts of tasks."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.option_groups import with_options
from starter.cli.plan.saved import list_certificates
from starter.cli.plan.selection import Selection
from starter.cli.plan.show import estimate_duration, show_plan
from starter.cli.plan.wave_options import PolicyOverrides, WaveOptions, read_policy
from starter.cli.plan.waves import WavePreview, preview_waves, show_waves
from starter.cli.shared import By, Json, Yes, get_requester, open_store, parse_name
from starter.cli.task.create import TaskCreation
from starter.cli.task.options import Contacts, PlanId, Remake, Wait
from starter.cli.task.plan_choice import (
    check_choice,
    choose_plan,
    list_current_differences,
    refuse_outdated,
    remake_plan,
)
from starter.cli.terminal.output import say, show_fields, show_json

if TYPE_CHECKING:
    from domain.plans.plan import Plan
    from domain.tasks.record import TaskRecord
    from starter.requests.drafts import Edits
    from storage.store import Store

Which = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="The name, or the beginning of the id.")
]


@with_options(WaveOptions)
@with_options(Selection)
def edit(
    which: Which,
    chosen: Selection,
    waves: WaveOptions,
    plan: PlanId = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="A new name.")] = None,
    contact: Contacts = None,
    no_contacts: Annotated[bool, typer.Option("--no-contacts", help="Notify nobody.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As for `task create`.")
    ] = None,
    rollback_days: Annotated[
        int | None,
        typer.Option(
            "--rollback-days",
            metavar="N",
            min=0,
            max=365,
            help="How many days it can be rolled back.",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", metavar="N", min=1, max=500, help="Changes in parallel."),
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Edits a draft and shows what has changed.

    Options that are not given leave their field as it is. --contact replaces all contacts. A new
    plan is a saved one (--plan), or is made now from certificates and targets.
    """
    from starter.cli.terminal.times import parse_time
    from starter.requests import drafts

    by, now, policy = get_requester(by), datetime.now(UTC), read_policy(waves)
    if contact and no_contacts:
        raise BadInput(
            "--contact and --no-contacts exclude each other",
            where="--no-contacts",
            fix="Give one of them.",
            code="conflicting-options",
        )
    edits = drafts.Edits(
        name=None if name is None else parse_name(name),
        contacts=() if no_contacts else tuple(contact) if contact else None,
        at=None if at is None else parse_time(at, now),
        rollback_days=rollback_days,
        concurrency=concurrency,
    )
    with open_store() as (store, _):
        record = store.tasks.find(which)
        drafts.check_is_draft(record)
        if plan is not None or chosen.is_given:
            begins = edits.at or record.at
            edits = _add_plan(store, edits, chosen, plan, begins=begins, as_json=as_json)
        edits, preview = _add_rollout(store, record, edits, policy)
        if not as_json and edits.plan is not None:
            _show(store, edits.plan, preview)
            say()
        changes = drafts.edit(store, record, edits, by)
        edited = store.tasks.get(record.id)
    if as_json:
        show_json({"task": edited, "changes": changes})
    elif changes:
        show_fields([(each.what, f"{each.was} -> {each.now}") for each in changes])
        if edits.plan is None and waves.is_given:
            say()
            show_waves(preview)
    else:
        say("Nothing has changed.")


def submit(
    which: Which,
    remake: Remake = False,
    wait: Wait = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Checks a draft again, asks for confirmation, and schedules it.

    It is refused and stays a draft if its plan is outdated, or if a rule, a contact or the quota
    no longer allows it.
    """
    from domain.plans.builder import check_not_empty
    from domain.plans.quota import check_reservation
    from starter.requests import drafts

    by = get_requester(by)
    with open_store() as (store, settings):
        record = store.tasks.find(which)
        drafts.check_is_draft(record)
        plan = _get_current_plan(store, record, remake=remake, as_json=as_json)
        balance = store.quota.get_balance()
        if not as_json:
            replaced = None if plan.digest == record.digest else plan
            rollout = drafts.get_rollout_with_plan(store, record, replaced)
            _show(store, plan, preview_waves(plan.changes, rollout))
        check_not_empty(plan)
        check_reservation(plan.cost, balance)
        creation = TaskCreation(store, settings, as_json=as_json)
        asyncio.run(creation.submit(record, plan, by, yes=yes, wait=wait))


COMMANDS = (edit, submit)


def _add_plan(
    store: "Store",
    edits: "Edits",
    chosen: Selection,
    plan: str | None,
    *,
    begins: datetime,
    as_json: bool,
) -> "Edits":
    check_choice(chosen, plan, remake=False)
    found = choose_plan(store, chosen, plan, remake=False, begins=begins, as_json=as_json)
    saved = found.saved.id if found.saved else None
    return edits.model_copy(
        update={"plan": found.plan, "plan_id": saved, "plan_request": found.plan_request}
    )


def _add_rollout(
    store: "Store", record: "TaskRecord", edits: "Edits", policy: PolicyOverrides
) -> tuple["Edits", WavePreview]:
    """Applies the wave options to the rollout policy of the draft, and returns the new waves."""
    from starter.requests import drafts

    base = drafts.get_rollout_with_plan(store, record, edits.plan)
    changes = (edits.plan or store.tasks.get_plan(record.id)).changes
    preview = preview_waves(changes, policy.apply_to(base, changes) if changes else base)
    return edits.model_copy(update={"rollout": preview.rollout}), preview


def _show(store: "Store", plan: "Plan", preview: WavePreview) -> None:
    certificates, balance = list_certificates(store, plan), store.quota.get_balance()
    show_plan(plan, certificates, balance, estimate_duration(store, plan), waving=preview)


def _get_current_plan(
    store: "Store", record: "TaskRecord", *, remake: bool, as_json: bool
) -> "Plan":
    plan, request = (
        store.tasks.get_plan(record.id),
        record.draft.plan_request if record.draft else None,
    )
    if remake:
        return remake_plan(store, plan, request, as_json=as_json)
    found = list_current_differences(store, plan, request, record.at, quiet=as_json)
    if found:
        command = f"certroll task show {record.id}"
        refuse_outdated(found, f"task {record.id}", command, as_json=as_json)
    return plan
