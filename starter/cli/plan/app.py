"""`certroll plan`: what a task would do, kept until one does exactly that."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.option_groups import sharing
from starter.cli.plan import saved as _plan_files
from starter.cli.plan.preflight import Checks, check_plan, findings_of_plan, said, show_findings
from starter.cli.plan.saved import certificates_of, show_differences, show_saved
from starter.cli.plan.selection import Selection, planned, wished
from starter.cli.plan.show import Explain, estimated, facts, show_plan
from starter.cli.plan.wave_options import WaveOptions, read_policy
from starter.cli.plan.waves import default_waving
from starter.cli.shared import By, Json, Yes, confirm, name_for, opened, who
from starter.cli.terminal.output import note, say, show_json

if TYPE_CHECKING:
    from domain.plans.diff import Difference
    from domain.plans.saved import SavedPlan
    from storage.store import Store

app = typer.Typer(no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")]


@app.command()
@sharing(WaveOptions)
@sharing(Selection)
def create(
    chosen: Selection,
    waves: WaveOptions,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="TEXT", help="By default of certificate and time."),
    ] = None,
    explain: Explain = False,
    check: Checks = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Shows what a task would change, what it costs, what is refused and why, and keeps it.

    No cloud is touched: they are only asked what their resources serve now. `task create --plan`
    with the id that is told does that and nothing else. Ends with exit code 2, and keeps nothing,
    when nothing would be changed.

    The waves, and what becomes of findings (--check), are those of a task with the same options:
    they are not kept with the plan.
    """
    from datetime import UTC, datetime

    from domain.plans.builder import refuse_empty
    from starter.requests.plans import save

    by, name = who(by), name_for(name, chosen.certificate, datetime.now(UTC))
    policy, checks = read_policy(waves), said(check)
    with opened() as (store, settings):
        wish = wished(store, chosen)
        plan = planned(store, wish, quiet=as_json, fresh=chosen.fresh)
        balance, waving = store.quota.balance(), default_waving(plan.changes, policy)
        saved, findings = None, list[Any]()
        if plan.changes:
            findings = findings_of_plan(store, settings, plan, checks, quiet=as_json)
            saved = save(store, plan, wish, name=name, origin="created", by=by)
        if as_json:
            told = facts(plan, balance, estimated(store, plan), waving)
            show_json({**told, "findings": findings, "saved": saved})
        else:
            certificates, estimate = certificates_of(store, plan), estimated(store, plan)
            show_plan(plan, certificates, balance, estimate, explain=explain, waving=waving)
            show_findings(findings, beside_plan=True)
    refuse_empty(plan)
    if saved is not None and not as_json:
        say(f"plan       {saved.id}  {saved.name}")


@app.command()
@sharing(WaveOptions)
def show(which: Which, waves: WaveOptions, explain: Explain = False, as_json: Json = False) -> None:
    """Shows a saved plan as it was when it was made, and the waves of a task with these options."""
    policy = read_policy(waves)
    with opened() as (store, _):
        saved = store.plans.find(which)
        plan, balance = store.plans.plan(saved.id), store.quota.balance()
        waving = default_waving(plan.changes, policy)
        if as_json:
            told = facts(plan, balance, estimated(store, plan), waving)
            show_json({**told, "saved": saved})
            return
        certificates, estimate = certificates_of(store, plan), estimated(store, plan)
        show_plan(plan, certificates, balance, estimate, explain=explain, waving=waving)
    show_saved([saved])


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="The newest so many.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Lists saved plans, newest first."""
    with opened() as (store, _):
        found = store.plans.list(limit)
    if as_json:
        show_json(found)
    else:
        show_saved(found)


@app.command()
def diff(
    which: Which,
    other: Annotated[
        str | None,
        typer.Argument(metavar="[ID|NAME]", help="Another plan; else what its wish gives now."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows what differs between two plans, or what has changed since one was made.

    Of a single plan its wish is made anew: resources may have come or gone, may serve something
    else by now, or a rule may refuse them. One from a file without a wish is held against its own
    resources.
    """
    with opened() as (store, _):
        saved = store.plans.find(which)
        found = _differences(store, saved, other, quiet=as_json)
    if as_json:
        show_json({"plan": saved.id, "differences": found})
    else:
        show_differences(found)


@app.command()
def delete(
    which: Annotated[list[str], typer.Argument(metavar="ID|NAME...", help="One or several.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deletes saved plans; tasks that were made of them keep what they need."""
    with opened() as (store, _):
        found = {each.id: each for each in map(store.plans.find, which)}
        for each in found.values():
            note(f"{each.id}  {each.name}: {each.changes} changes")
        confirm(f"Delete {'these plans' if len(found) > 1 else 'this plan'}?", yes=yes)
        for plan_id in found:
            store.plans.delete(plan_id)
    if as_json:
        show_json({"deleted": list(found)})
    else:
        say(f"Deleted {', '.join(found)}.")


app.command("check")(check_plan)
for _name, _command in _plan_files.COMMANDS.items():
    app.command(_name)(_command)


def _differences(
    store: "Store", saved: "SavedPlan", other: str | None, *, quiet: bool
) -> "tuple[Difference, ...]":
    from datetime import UTC, datetime

    from domain.plans.diff import differences
    from starter.cli.terminal.output import metering
    from starter.requests.plans import again

    plan = store.plans.plan(saved.id)
    if other is not None:
        return differences(plan, store.plans.plan(store.plans.find(other).id))
    with metering("Reading what the resources serve", quiet=quiet):
        return differences(plan, again(store, plan, saved.wish, now=datetime.now(UTC)))
