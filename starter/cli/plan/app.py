"""`certroll plan`: saves what a task would change, until a task executes exactly that."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.option_groups import with_options
from starter.cli.plan.preflight import (
    Checks,
    check_plan,
    check_plan_changes,
    parse_check_policies,
    show_findings,
)
from starter.cli.plan.saved import (
    export,
    import_plan,
    list_certificates,
    show_differences,
    show_saved,
)
from starter.cli.plan.selection import Selection, build_plan, build_plan_request
from starter.cli.plan.show import Explain, estimate_duration, plan_to_json, show_plan
from starter.cli.plan.wave_options import WaveOptions, read_policy
from starter.cli.plan.waves import preview_default_waves
from starter.cli.shared import (
    By,
    Json,
    Yes,
    confirm,
    get_requester,
    open_store,
    parse_or_build_name,
)
from starter.cli.terminal.output import note, say, show_json

if TYPE_CHECKING:
    from domain.plans.diff import Difference
    from domain.plans.saved import SavedPlan
    from storage.store import Store

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
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="TEXT", help="Default: certificate and time."),
    ] = None,
    explain: Explain = False,
    check: Checks = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Shows what a task would change, cost and refuse, and saves that as a plan.

    Nothing changes at any provider; resources are only read. `task create --plan ID` executes
    exactly this plan. If nothing would change, nothing is saved and the exit code is 2.

    The waves and the check policies (--check) are not saved with the plan: give the same options
    to `task create`.
    """
    from datetime import UTC, datetime

    from domain.plans.builder import check_not_empty
    from starter.requests.plans import save

    by, name = get_requester(by), parse_or_build_name(name, chosen.certificate, datetime.now(UTC))
    policy, checks = read_policy(waves), parse_check_policies(check)
    with open_store() as (store, settings):
        request = build_plan_request(store, chosen)
        plan = build_plan(store, request, quiet=as_json, fresh=chosen.fresh)
        balance, waving = store.quota.get_balance(), preview_default_waves(plan.changes, policy)
        saved, findings = None, list[Any]()
        if plan.changes:
            findings = check_plan_changes(store, settings, plan, checks, quiet=as_json)
            saved = save(store, plan, request, name=name, origin="created", by=by)
        if as_json:
            fields = plan_to_json(plan, balance, estimate_duration(store, plan), waving)
            show_json({**fields, "findings": findings, "saved": saved})
        else:
            certificates, estimate = list_certificates(store, plan), estimate_duration(store, plan)
            show_plan(plan, certificates, balance, estimate, explain=explain, waving=waving)
            show_findings(findings, beside_plan=True)
    check_not_empty(plan)
    if saved is not None and not as_json:
        say(f"plan       {saved.id}  {saved.name}")


@app.command()
@with_options(WaveOptions)
def show(which: Which, waves: WaveOptions, explain: Explain = False, as_json: Json = False) -> None:
    """Shows a saved plan, and the waves that a task with these options would have."""
    policy = read_policy(waves)
    with open_store() as (store, _):
        saved = store.plans.find(which)
        plan, balance = store.plans.get_plan(saved.id), store.quota.get_balance()
        waving = preview_default_waves(plan.changes, policy)
        if as_json:
            fields = plan_to_json(plan, balance, estimate_duration(store, plan), waving)
            show_json({**fields, "saved": saved})
            return
        certificates, estimate = list_certificates(store, plan), estimate_duration(store, plan)
        show_plan(plan, certificates, balance, estimate, explain=explain, waving=waving)
    show_saved([saved])


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="At most this many.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Lists saved plans, newest first."""
    with open_store() as (store, _):
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
        typer.Argument(
            metavar="[ID|NAME]", help="The other plan. Default: the same plan made again now."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Shows how two plans differ, or what has changed since one was made.

    With one plan, its request is planned again and compared: resources may be new or gone, may
    serve another certificate, or may be refused now. A plan from a file without a request is
    compared with the current state of its resources.
    """
    with open_store() as (store, _):
        saved = store.plans.find(which)
        found = _differences(store, saved, other, quiet=as_json)
    if as_json:
        show_json({"plan": saved.id, "differences": found})
    else:
        show_differences(found)


@app.command()
def delete(
    which: Annotated[
        list[str], typer.Argument(metavar="ID|NAME...", help="One or several names or ids.")
    ],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deletes saved plans. Tasks that were created from them are not affected."""
    with open_store() as (store, _):
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
app.command("export")(export)
app.command("import")(import_plan)


def _differences(
    store: "Store", saved: "SavedPlan", other: str | None, *, quiet: bool
) -> "tuple[Difference, ...]":
    from datetime import UTC, datetime

    from domain.plans.diff import compare_plans
    from starter.cli.terminal.output import show_progress
    from starter.requests.plans import remake

    plan = store.plans.get_plan(saved.id)
    if other is not None:
        return compare_plans(plan, store.plans.get_plan(store.plans.find(other).id))
    with show_progress("Reading what the resources serve", quiet=quiet):
        return compare_plans(plan, remake(store, plan, saved.plan_request, now=datetime.now(UTC)))
