"""Drafts: edited as often as one likes, and submitted once."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.option_groups import sharing
from starter.cli.plan.saved import certificates_of
from starter.cli.plan.selection import Selection
from starter.cli.plan.show import estimated, show_plan
from starter.cli.plan.wave_options import Policy, WaveOptions, read_policy
from starter.cli.plan.waves import Waving, show_waves, waving
from starter.cli.shared import By, Json, Yes, checked_name, opened, who
from starter.cli.task.create import Creation
from starter.cli.task.options import Contacts, PlanId, Remake, Wait
from starter.cli.task.plan_choice import check_choice, choose, differences_now, refuse_moved, remade
from starter.cli.terminal.output import say, show_fields, show_json

if TYPE_CHECKING:
    from domain.plans.plan import Plan
    from domain.tasks.record import TaskRecord
    from starter.requests.drafts import Edits
    from storage.store import Store

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


@sharing(WaveOptions)
@sharing(Selection)
def edit(
    which: Which,
    chosen: Selection,
    waves: WaveOptions,
    plan: PlanId = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="Another name.")
    ] = None,
    contact: Contacts = None,
    no_contacts: Annotated[bool, typer.Option("--no-contacts", help="Tell nobody.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As for `task create`.")
    ] = None,
    rollback_days: Annotated[
        int | None,
        typer.Option(
            "--rollback-days", metavar="N", min=0, max=365, help="How long it may be taken back."
        ),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", metavar="N", min=1, max=500, help="At once.")
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Edits a draft, and shows what changes.

    What is not given stays as it is; contacts are replaced as a whole. Another plan is a saved one
    (--plan), or is made at once of certificates and where they go.
    """
    from starter.cli.terminal.times import parse_time
    from starter.requests import drafts

    by, now, policy = who(by), datetime.now(UTC), read_policy(waves)
    if contact and no_contacts:
        raise BadInput("contacts are named and refused at once", where="--no-contacts")
    edits = drafts.Edits(
        name=None if name is None else checked_name(name),
        contacts=() if no_contacts else tuple(contact) if contact else None,
        at=None if at is None else parse_time(at, now),
        rollback_days=rollback_days,
        concurrency=concurrency,
    )
    with opened() as (store, _):
        record = store.tasks.find(which)
        drafts.check_is_draft(record)
        if plan is not None or chosen.is_given:
            begins = edits.at or record.at
            edits = _with_plan(store, edits, chosen, plan, begins=begins, as_json=as_json)
        edits, told = _with_waves(store, record, edits, policy)
        if not as_json and edits.plan is not None:
            _show(store, edits.plan, told)
            say()
        changes = drafts.edit(store, record, edits, by)
        edited = store.tasks.get(record.id)
    if as_json:
        show_json({"task": edited, "changes": changes})
    elif changes:
        show_fields([(each.what, f"{each.was} -> {each.now}") for each in changes])
        if edits.plan is None and waves.is_given:
            say()
            show_waves(told)
    else:
        say("Nothing changes.")


def submit(
    which: Which,
    remake: Remake = False,
    wait: Wait = False,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Checks all of a draft again, asks, and makes it a task that runs at its time.

    It is refused, and stays a draft, when what it was made of has moved since, or a rule, a contact
    or the quota does not allow it any more.
    """
    from domain.plans.builder import refuse_empty
    from domain.plans.quota import check_reservation
    from starter.requests import drafts

    by = who(by)
    with opened() as (store, settings):
        record = store.tasks.find(which)
        drafts.check_is_draft(record)
        plan = _plan_now(store, record, remake=remake, as_json=as_json)
        balance = store.quota.balance()
        if not as_json:
            replaced = None if plan.digest == record.digest else plan
            rollout = drafts.rollout_with(store, record, replaced)
            _show(store, plan, waving(plan.changes, rollout))
        refuse_empty(plan)
        check_reservation(plan.cost, balance)
        creation = Creation(store, settings, as_json=as_json)
        asyncio.run(creation.submit(record, plan, by, yes=yes, wait=wait))


COMMANDS = (edit, submit)


def _with_plan(
    store: "Store",
    edits: "Edits",
    chosen: Selection,
    plan: str | None,
    *,
    begins: datetime,
    as_json: bool,
) -> "Edits":
    check_choice(chosen, plan, remake=False)
    found = choose(store, chosen, plan, remake=False, begins=begins, as_json=as_json)
    saved = found.saved.id if found.saved else None
    return edits.model_copy(update={"plan": found.plan, "plan_id": saved, "wish": found.wish})


def _with_waves(
    store: "Store", record: "TaskRecord", edits: "Edits", policy: Policy
) -> tuple["Edits", Waving]:
    """The edits with the rollout that is asked for, over the one that the draft has."""
    from starter.requests import drafts

    base = drafts.rollout_with(store, record, edits.plan)
    changes = (edits.plan or store.tasks.plan(record.id)).changes
    told = waving(changes, policy.over(base, changes) if changes else base)
    return edits.model_copy(update={"rollout": told.rollout}), told


def _show(store: "Store", plan: "Plan", told: Waving) -> None:
    certificates, balance = certificates_of(store, plan), store.quota.balance()
    show_plan(plan, certificates, balance, estimated(store, plan), waving=told)


def _plan_now(store: "Store", record: "TaskRecord", *, remake: bool, as_json: bool) -> "Plan":
    plan, wish = store.tasks.plan(record.id), record.draft.wish if record.draft else None
    if remake:
        return remade(store, plan, wish, as_json=as_json)
    found = differences_now(store, plan, wish, record.at, quiet=as_json)
    if found:
        look = f"certroll task show {record.id}"
        refuse_moved(found, f"task {record.id}", look, as_json=as_json)
    return plan
