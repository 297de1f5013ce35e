"""Making a task: what is checked before the question, and what is told after it."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from domain.errors import BadInput
from starter.commands._shared import confirm
from starter.commands._tasks import links, show_end
from starter.commands._watching import until_ended
from starter.exits import Code, Problem
from starter.output import note, say, show_fields, show_json
from starter.times import echoed

if TYPE_CHECKING:
    from domain.plan import Plan
    from domain.record import TaskRecord
    from storage.settings import Settings
    from storage.store import Store

LONGEST_NAME = 80
SHORTEST_DIGEST = 12


def name_for(name: str | None, certificates: list[str], now: datetime) -> str:
    """The task's name as given, or one made of certificate and time."""
    if name is None:
        return f"{certificates[0][:40]} {now:%Y-%m-%d %H:%M:%S}"
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(
            f"{name[:LONGEST_NAME]!r} cannot name a task",
            where="--name",
            fix=f"Give 1 to {LONGEST_NAME} printable characters.",
        )
    return name.strip()


def check_digest(plan: "Plan", expected: str | None) -> None:
    """Refuses a plan that is not the previewed one; the first 12 digits are enough."""
    if expected is None:
        return
    given = expected.strip().lower()
    if len(given) < SHORTEST_DIGEST or not plan.digest.startswith(given):
        raise BadInput(
            f"the plan is now {plan.digest[:SHORTEST_DIGEST]}, not {expected[:64]!r}",
            where="--digest",
            fix="Something changed since it was shown: look at it again (certroll plan).",
        )


class Creation:
    """One task about to be made."""

    def __init__(self, store: "Store", settings: "Settings", *, as_json: bool) -> None:
        self.store, self.settings, self.as_json = store, settings, as_json

    def ask(self, plan: "Plan", at: datetime, *, yes: bool) -> None:
        """Tells the time, and goes on only after a yes."""
        if not self.as_json:
            passed = at < datetime.now(UTC)
            say(f"time       {echoed(at)}{'; it has passed: starts at once' if passed else ''}")
        one_way = sum(1 for change in plan.changes if change.not_reversible)
        warning = f", {one_way} of them without a way back" if one_way else ""
        confirm(f"Deploy to {len(plan.changes)} resources{warning}?", yes=yes)

    async def create(
        self,
        plan: "Plan",
        *,
        name: str,
        contacts: list[str],
        at: datetime,
        by: str,
        rollback_days: int,
        concurrency: int,
        yes: bool,
        wait: bool,
        require_coverage: bool = False,
    ) -> None:
        """Connects, asks, creates, tells, and waits if asked to."""
        from starter.engine import connect, workers
        from starter.tasks import create

        client = await connect(self.settings)
        await asyncio.to_thread(self.ask, plan, at, yes=yes)
        record = await create(
            self.store,
            client,
            name=name,
            plan=plan,
            contacts=contacts,
            at=at,
            created_by=by,
            rollback_days=rollback_days,
            concurrency=concurrency,
            require_coverage=require_coverage,
        )
        self._tell(record, wait=wait)
        if not await workers(client):
            note("No worker takes work now: start one with `certroll up` or `certroll-worker`.")
        if wait:
            await self._wait(record)

    def _tell(self, record: "TaskRecord", *, wait: bool) -> None:
        found = links(record, self.settings)
        if self.as_json:
            if not wait:
                show_json({"task": record, **found})
            return
        facts = [("task", record.id), ("workflow", found["workflow_id"] or "")]
        facts += [("web", found["web"])] if found["web"] else []
        show_fields([*facts, ("take back", found["rollback"] or "")])

    async def _wait(self, record: "TaskRecord") -> None:
        from domain.status import TaskStatus

        def silent(record: "TaskRecord") -> None:
            return

        ended = await until_ended(self.store, record, silent if self.as_json else None)
        show_end(self.store, ended, as_json=self.as_json, **links(record, self.settings))
        if ended.status is not TaskStatus.SUCCEEDED:
            raise Problem(Code.TASK)
