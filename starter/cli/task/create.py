"""Making a task: what is checked before the question, and what is told after it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import BadInput
from starter.cli.plan.preflight import findings_of_plan, refuse, show_findings
from starter.cli.shared import confirm
from starter.cli.task.show import links, show_end
from starter.cli.task.timing import Timing, timing
from starter.cli.task.watch import until_ended
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_fields, show_json

if TYPE_CHECKING:
    from domain.plans.plan import Plan

if TYPE_CHECKING:
    from temporalio.client import Client

    from domain.plans.plan import Plan
    from domain.preflight.checks import Policy
    from domain.preflight.finding import Finding
    from domain.rollout.policy import Rollout
    from domain.tasks.record import TaskRecord
    from starter.cli.task.plan_choice import ChosenPlan
    from storage.settings import Settings
    from storage.store import Store


MOST_TOLD = 5


def end_if_unread(plan: "Plan") -> None:
    """Ends with the code of a cloud's failure where resources were left out for want of an answer.

    What was made stays: a script has to learn that it is not all that was asked for.
    """
    left_out = plan.unread
    if not left_out:
        return
    for each in left_out[:MOST_TOLD]:
        note(f"left out: {each.subject}: {each.reason}")
    if len(left_out) > MOST_TOLD:
        note(f"and {len(left_out) - MOST_TOLD} more")
    note(f"{len(left_out)} resources are not part of this, since their cloud did not answer.")
    note("Make another plan for them once it does: certroll plan create.")
    raise Problem(Code.CLOUD)


NO_CHECKS: Mapping[str, "Policy"] = {}
SHORTEST_DIGEST = 12


class Asked(NamedTuple):
    """What someone says of a task beside its plan."""

    name: str
    contacts: tuple[str, ...]
    at: datetime
    by: str
    rollback_days: int
    concurrency: int
    rollout: "Rollout"
    ignore_windows: str | None = None
    checks: Mapping[str, "Policy"] = NO_CHECKS


def check_digest(plan: "Plan", expected: str | None) -> None:
    """Refuses a plan that is not the previewed one; the first 12 digits are enough."""
    if expected is None:
        return
    given = expected.strip().lower()
    if len(given) < SHORTEST_DIGEST or not plan.digest.startswith(given):
        raise BadInput(
            f"the plan is now {plan.digest[:SHORTEST_DIGEST]}, not {expected[:64]!r}",
            where="--digest",
            fix="Something changed since it was shown: look at it again (certroll plan create).",
        )


@contextmanager
def kept(store: "Store", chosen: "ChosenPlan", by: str) -> Iterator[str | None]:
    """The id of the saved plan; one that was made anew is saved, and not if the block fails."""
    from starter.requests.plans import save

    if chosen.saved is None or not chosen.remade or chosen.plan.digest == chosen.saved.digest:
        yield chosen.saved.id if chosen.saved else None
        return
    new = save(store, chosen.plan, chosen.wish, name=chosen.saved.name, origin="created", by=by)
    try:
        yield new.id
    except BaseException:
        store.plans.delete(new.id)
        raise


class Creation:
    """One task about to be made or submitted."""

    def __init__(self, store: "Store", settings: "Settings", *, as_json: bool) -> None:
        self.store, self.settings, self.as_json = store, settings, as_json
        self.findings: list[Finding] = []

    def ask(
        self,
        plan: "Plan",
        at: datetime,
        *,
        ignored: bool,
        checks: Mapping[str, "Policy"] = NO_CHECKS,
        yes: bool,
    ) -> Timing:
        """Tells the time, or the opening that it is moved to, and what preflight finds.

        Goes on only after a yes, and not if a check refuses anything.
        """
        found = timing(self.store, plan, at, ignored=ignored)
        if not self.as_json:
            say(f"time       {found.told}")
        self._check(plan, found, checks, ignored=ignored)
        one_way = sum(1 for change in plan.changes if change.not_reversible)
        warning = f", {one_way} of them without a way back" if one_way else ""
        warning += f", {plan.unproven} of them without proof" if plan.unproven else ""
        confirm(f"Deploy to {len(plan.changes)} resources{warning}?", yes=yes)
        return found

    def _check(
        self, plan: "Plan", found: Timing, checks: Mapping[str, "Policy"], *, ignored: bool
    ) -> None:
        self.findings = findings_of_plan(
            self.store,
            self.settings,
            plan,
            checks,
            at=found.asked,
            begins=found.found.at,
            ignore_windows=ignored,
            quiet=self.as_json,
        )
        if not self.as_json:
            show_findings(self.findings, beside_plan=True)
        elif any(each.refused for each in self.findings):
            show_json({"findings": self.findings})
        refuse(self.findings, "plan")

    async def create(self, chosen: "ChosenPlan", asked: Asked, *, yes: bool, wait: bool) -> None:
        """Connects, asks, creates, tells, and waits if asked to."""
        from starter.requests.tasks import create
        from starter.temporal.client import connect

        client = await connect(self.settings)
        ignored = asked.ignore_windows is not None
        found = await asyncio.to_thread(
            self.ask, chosen.plan, asked.at, ignored=ignored, checks=asked.checks, yes=yes
        )
        with kept(self.store, chosen, asked.by) as plan_id:
            record = await create(
                self.store,
                client,
                name=asked.name,
                plan=chosen.plan,
                contacts=asked.contacts,
                at=asked.at,
                created_by=asked.by,
                rollback_days=asked.rollback_days,
                concurrency=asked.concurrency,
                rollout=asked.rollout,
                require_coverage=chosen.require_coverage,
                checks=asked.checks,
                ignore_windows=asked.ignore_windows,
                plan_id=plan_id,
            )
        await self.tell(client, record, found, wait=wait)
        end_if_unread(chosen.plan)

    async def submit(
        self, record: "TaskRecord", plan: "Plan", by: str, *, yes: bool, wait: bool
    ) -> None:
        """The same for a draft; a plan that is not its own any more becomes its own first."""
        from starter.requests import drafts
        from starter.temporal.client import connect

        client = await connect(self.settings)
        ignored = record.windows_ignored is not None
        found = await asyncio.to_thread(
            self.ask, plan, record.at, ignored=ignored, checks=record.checks, yes=yes
        )
        if plan.digest != record.digest:
            wish = record.draft.wish if record.draft else None
            drafts.edit(self.store, record, drafts.Edits(plan=plan, wish=wish), by)
            record = self.store.tasks.get(record.id)
        submitted = await drafts.submit(self.store, client, record, by)
        await self.tell(client, submitted, found, wait=wait)

    def draft(self, chosen: "ChosenPlan", asked: Asked) -> None:
        """Writes a draft and tells how to go on; no engine is asked."""
        from domain.tasks.record import Draft
        from starter.requests import drafts
        from starter.requests.task_draft import drafted

        remembered = Draft(
            rollback_days=asked.rollback_days,
            require_coverage=chosen.require_coverage,
            wish=chosen.wish,
        )
        with kept(self.store, chosen, asked.by) as plan_id:
            draft = drafted(
                name=asked.name,
                plan=chosen.plan,
                contacts=asked.contacts,
                at=asked.at,
                created_by=asked.by,
                asked=remembered,
                concurrency=asked.concurrency,
                rollout=asked.rollout,
                checks=asked.checks,
                ignore_windows=asked.ignore_windows,
                plan_id=plan_id,
            )
            record = drafts.write(self.store, draft, chosen.plan)
        if self.as_json:
            show_json({"task": record})
            return
        facts = [("draft", record.id), ("change", f"certroll task edit {record.id} ...")]
        show_fields([*facts, ("begin", f"certroll task submit {record.id}")])

    async def tell(
        self, client: "Client", record: "TaskRecord", timed: Timing, *, wait: bool
    ) -> None:
        """Where the task is to be seen, and with `wait` how it ended."""
        from starter.temporal.client import workers

        found = links(record, self.settings)
        if self.as_json:
            if not wait:
                show_json({"task": record, **timed.facts, "findings": self.findings, **found})
        else:
            facts = [("task", record.id), ("workflow", found["workflow_id"] or "")]
            facts += [("web", found["web"])] if found["web"] else []
            show_fields([*facts, ("take back", found["rollback"] or "")])
        if not await workers(client):
            note("No worker takes work now: start one with `certroll up` or `certroll-worker`.")
        if wait:
            await self._wait(record, timed)

    async def _wait(self, record: "TaskRecord", timed: Timing) -> None:
        from domain.tasks.status import TaskStatus

        def silent(record: "TaskRecord") -> None:
            return

        ended = await until_ended(self.store, record, silent if self.as_json else None)
        more = {**timed.facts, **links(record, self.settings)}
        show_end(self.store, ended, as_json=self.as_json, **more)
        if ended.status is not TaskStatus.SUCCEEDED:
            raise Problem(Code.TASK)
