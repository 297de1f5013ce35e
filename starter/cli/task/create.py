"""Creates or submits a task, after checks and confirmation.

Called by `task create` and `task submit`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from domain.errors import BadInput
from starter.cli.plan.preflight import check_plan_changes, refuse_findings, show_findings
from starter.cli.shared import confirm
from starter.cli.task.show import get_links, show_end
from starter.cli.task.timing import Timing, find_timing
from starter.cli.task.watch import wait_until_ended
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_fields, show_json

if TYPE_CHECKING:
    from domain.plans.plan import Plan
    from domain.preflight.checks import CheckPolicy
    from domain.preflight.finding import Finding
    from domain.tasks.record import TaskRecord
    from domain.tasks.spec import TaskSpec
    from starter.cli.task.plan_choice import ChosenPlan
    from starter.temporal.client import Client
    from storage.settings import Settings
    from storage.store import Store


MAX_LISTED = 5


def exit_if_unread(plan: "Plan") -> None:
    """Exits with code 3 where the plan lacks resources because their provider did not answer.

    The task stays. A script must learn that the task does not cover all that was requested.
    """
    unread = plan.unread
    if not unread:
        return
    for each in unread[:MAX_LISTED]:
        note(f"left out: {each.subject}: {each.reason}")
    if len(unread) > MAX_LISTED:
        note(f"and {len(unread) - MAX_LISTED} more")
    note(
        f"{len(unread)} resources are not part of this task, because their provider did not answer."
    )
    note("Create another plan for them later: certroll plan create")
    raise CommandFailed(ExitCode.CLOUD)


NO_CHECKS: Mapping[str, "CheckPolicy"] = {}
MIN_DIGEST_LENGTH = 12


def check_digest(plan: "Plan", expected: str | None) -> None:
    """Raises BadInput unless the plan has this digest; its first 12 digits are enough."""
    if expected is None:
        return
    given = expected.strip().lower()
    if len(given) < MIN_DIGEST_LENGTH or not plan.digest.startswith(given):
        raise BadInput(
            f"the digest of the plan is {plan.digest[:MIN_DIGEST_LENGTH]}, not {expected[:64]!r}",
            where="--digest",
            fix="The plan has changed since then. Review it again: certroll plan create",
            code="digest-mismatch",
        )


@contextmanager
def saved_plan_id(store: "Store", chosen: "ChosenPlan", by: str) -> Iterator[str | None]:
    """Yields the id of the saved plan; saves one that was made again, unless the block fails."""
    from starter.requests.plans import save

    if chosen.saved is None or not chosen.is_remade or chosen.plan.digest == chosen.saved.digest:
        yield chosen.saved.id if chosen.saved else None
        return
    new = save(
        store, chosen.plan, chosen.plan_request, name=chosen.saved.name, origin="created", by=by
    )
    try:
        yield new.id
    except BaseException:
        store.plans.delete(new.id)
        raise


class TaskCreation:
    """Creates or submits one task."""

    def __init__(self, store: "Store", settings: "Settings", *, as_json: bool) -> None:
        self.store, self.settings, self.as_json = store, settings, as_json
        self.findings: list[Finding] = []

    def confirm_start(
        self,
        plan: "Plan",
        at: datetime,
        *,
        ignored: bool,
        checks: Mapping[str, "CheckPolicy"] = NO_CHECKS,
        yes: bool,
    ) -> Timing:
        """Shows start time and preflight findings, and asks for confirmation.

        Raises BadInput if a check refuses anything.
        """
        timing = find_timing(self.store, plan, at, ignored=ignored)
        if not self.as_json:
            say(f"time       {timing.text}")
        self._check(plan, timing, checks, ignored=ignored)
        irreversible = sum(1 for change in plan.changes if change.not_reversible)
        warning = f", {irreversible} of them not reversible" if irreversible else ""
        warning += f", {plan.unverifiable} of them not verifiable" if plan.unverifiable else ""
        confirm(f"Deploy to {len(plan.changes)} resources{warning}?", yes=yes)
        return timing

    def _check(
        self, plan: "Plan", timing: Timing, checks: Mapping[str, "CheckPolicy"], *, ignored: bool
    ) -> None:
        self.findings = check_plan_changes(
            self.store,
            self.settings,
            plan,
            checks,
            at=timing.requested,
            begins=timing.allowed.at,
            ignore_windows=ignored,
            quiet=self.as_json,
        )
        if not self.as_json:
            show_findings(self.findings, beside_plan=True)
        elif any(each.refused for each in self.findings):
            show_json({"findings": self.findings})
        refuse_findings(self.findings, "plan")

    async def create(
        self, chosen: "ChosenPlan", spec: "TaskSpec", *, yes: bool, wait: bool
    ) -> None:
        """Asks, creates the task, shows it, and waits for its end if `wait`."""
        from starter.requests.tasks import create
        from starter.temporal.client import connect

        client = await connect(self.settings)
        ignored = spec.ignore_windows is not None
        timing = await asyncio.to_thread(
            self.confirm_start, spec.plan, spec.at, ignored=ignored, checks=spec.checks, yes=yes
        )
        with saved_plan_id(self.store, chosen, spec.created_by) as plan_id:
            spec = spec.model_copy(update={"plan_id": plan_id})
            record = await create(self.store, client, spec)
        await self.show_created(client, record, timing, wait=wait)
        exit_if_unread(spec.plan)

    async def submit(
        self, record: "TaskRecord", plan: "Plan", by: str, *, yes: bool, wait: bool
    ) -> None:
        """Asks and submits a draft. A plan that is not the draft's replaces it first."""
        from starter.requests import drafts
        from starter.temporal.client import connect

        client = await connect(self.settings)
        ignored = record.windows_ignored is not None
        timing = await asyncio.to_thread(
            self.confirm_start, plan, record.at, ignored=ignored, checks=record.checks, yes=yes
        )
        if plan.digest != record.digest:
            request = record.draft.plan_request if record.draft else None
            drafts.edit(self.store, record, drafts.Edits(plan=plan, plan_request=request), by)
            record = self.store.tasks.get(record.id)
        submitted = await drafts.submit(self.store, client, record, by)
        await self.show_created(client, submitted, timing, wait=wait)

    def create_draft(self, chosen: "ChosenPlan", spec: "TaskSpec") -> None:
        """Saves a draft and shows the next commands. Temporal is not needed."""
        from starter.requests import drafts

        with saved_plan_id(self.store, chosen, spec.created_by) as plan_id:
            record = drafts.save(self.store, spec.model_copy(update={"plan_id": plan_id}))
        if self.as_json:
            show_json({"task": record})
            return
        facts = [("draft", record.id), ("change", f"certroll task edit {record.id} ...")]
        show_fields([*facts, ("start", f"certroll task submit {record.id}")])

    async def show_created(
        self, client: "Client", record: "TaskRecord", timing: Timing, *, wait: bool
    ) -> None:
        """Shows where to follow the task; with `wait`, how it ended."""
        from starter.temporal.client import count_workers

        links = get_links(record, self.settings)
        if self.as_json:
            if not wait:
                show_json(
                    {"task": record, **timing.json_fields, "findings": self.findings, **links}
                )
        else:
            facts = [("task", record.id), ("workflow", links["workflow_id"] or "")]
            facts += [("web", links["web"])] if links["web"] else []
            show_fields([*facts, ("roll back", links["rollback"] or "")])
        if not await count_workers(client):
            note("No worker is running. Start one: `certroll up` or `certroll-worker`.")
        if wait:
            await self._wait(record, timing)

    async def _wait(self, record: "TaskRecord", timing: Timing) -> None:
        from domain.tasks.status import TaskStatus

        def silent(record: "TaskRecord") -> None:
            return

        ended = await wait_until_ended(self.store, record, silent if self.as_json else None)
        more = {**timing.json_fields, **get_links(record, self.settings)}
        show_end(self.store, ended, as_json=self.as_json, **more)
        if ended.status is not TaskStatus.SUCCEEDED:
            raise CommandFailed(ExitCode.TASK)
