"""Looking again at what was deployed, long after its change has ended."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from time import monotonic, sleep

from temporalio import activity

from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from activities.pausing import pause
from domain.cause import Cause
from domain.errors import Permanent
from domain.model import Value
from domain.tasks.evidence import Handshake, Moment
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from operations.runtime.clock import now
from operations.runtime.connector_pool import Clouds
from operations.verification.evidence import handshake
from operations.verification.observation import Eyes, Past
from operations.verification.verifier import Proof
from storage.expiry.drift import EdgeDrift
from storage.statements import batches
from storage.store import Store

LOOKS_AT_ONCE = 32
PER_PAGE = 500
PATIENCE = 5.0
"""Seconds in which one bad answer may turn out to be an accident."""

NOT_SERVED_LATER = "NotServedLater"


class LookAgain(Value):
    """A second look at a task's changes, of one wave or of all; `at` is the moment of the step."""

    task_id: str
    wave: int | None = None
    at: datetime


class SecondLook(Value):
    """How many of them are verified now, how many still nobody can see, how many are gone.

    `failed` counts all that any second look has found gone, so that a repeated step counts alike.
    """

    deployed: int = 0
    unverified: int = 0
    failed: int = 0


class Verified(Value):
    """How many resources were looked at, and how many show what was left there.

    `drifted` show something else, `news` of them since now; `unreached` cannot be seen from here.
    """

    shown: int = 0
    drifted: int = 0
    news: int = 0
    unreached: int = 0


class Result(Value):
    """What looking at one change has found: its handshakes, and a cause where it is not shown."""

    record: OutcomeRecord
    looks: tuple[Handshake, ...]
    cause: Cause | None


class Verification:
    """Second looks; built by worker.py with what they need."""

    def __init__(
        self, store: Store, clouds: Clouds, heart: Heart, eyes: Eyes | None = None
    ) -> None:
        self._store, self._clouds, self._heart = store, clouds, heart
        self._eyes = eyes or Eyes()

    @activity.defn
    def look_again(self, asked: LookAgain) -> SecondLook:
        """Looks at all that was deployed, and moves what is not as it was. Safe to repeat.

        What no longer shows the certificate fails; what nobody could see and shows it now is
        deployed. Quota stays as it was charged.
        """
        with told_to_the_engine(), self._heart.beating():
            after = -1
            while page := self._store.second_looks.there(
                asked.task_id, asked.wave, after, PER_PAGE
            ):
                for result in self.looked_at(page, "again"):
                    self._record(result, asked.at)
                after = page[-1].ordinal
            counts = self._store.second_looks.counts(asked.task_id, asked.wave, NOT_SERVED_LATER)
            return SecondLook(**{status.value: count for status, count in counts.items()})

    @activity.defn
    def verify_all(self, at: datetime) -> Verified:
        """Looks at what our tasks left everywhere, and keeps what has drifted. Safe to repeat."""
        with told_to_the_engine(), self._heart.beating():
            found = Verified()
            for results in self.verify():
                found = added(found, self.keep(results, at))
            return found

    def verify(self, task_id: str | None = None) -> Iterator[Sequence[Result]]:
        """What is seen now of what one task left, or all, where no other came after; by pages."""
        left = self._store.edge_drifts.last_deployments(task_id)
        for page in batches(left, PER_PAGE):
            yield self.looked_at(self._store.edge_drifts.records(page), "later")

    def keep(self, results: Sequence[Result], at: datetime) -> Verified:
        """Writes down which of them have drifted; what is news stands in their tasks' audits."""
        well = [each for each in results if each.cause is None]
        drifts = [drift for each in results if (drift := drift_of(each, at))]
        self._store.edge_drifts.clear(each.record.change.resource.id for each in well)
        news = [drift for drift in drifts if self._store.edge_drifts.put(drift)]
        for drift in news:
            self._store.evidence.add_handshakes(
                look
                for each in results
                if each.record.change.resource.id == drift.resource_id
                for look in each.looks
            )
            text = f"{drift.resource_id}: {drift.problem}"
            self._store.tasks.event(drift.task_id, "drift", "certroll", text, at)
        return Verified(
            shown=len(well),
            drifted=len(drifts),
            news=len(news),
            unreached=len(results) - len(well) - len(drifts),
        )

    def looked_at(self, records: Sequence[OutcomeRecord], moment: Moment) -> list[Result]:
        """Some at a time; the worker's threads are for steps, these are only for looking."""
        seen = [each for each in records if each.change.unproven is None]
        with ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look") as pool:
            waiting = [pool.submit(copy_context().run, self._look_at, one, moment) for one in seen]
            return [each.result() for each in waiting]

    def _look_at(self, record: OutcomeRecord, moment: Moment) -> Result:
        change = record.change
        wanted = change.after.fingerprint if change.after else None
        proof = Proof(
            change,
            monotonic() + PATIENCE,
            self._eyes,
            rest,
            ours=self._store.certificates.held(wanted) if wanted else None,
            past=Past(self._store.evidence.of_change(record.task_id, record.ordinal)),
        )
        cause: Cause | None
        try:
            cause = proof.served(self._clouds.endpoints(change.resource))
        except Permanent as error:
            cause = Cause(code=NOT_SERVED_LATER, message=error.message, advice=error.advice)
        order, at = order_of(record), now()
        looks = [handshake(order, each, change.after, at, moment) for each in proof.looks.values()]
        return Result(record=record, looks=tuple(looks), cause=cause)

    def _record(self, result: Result, at: datetime) -> None:
        record, cause = result.record, result.cause
        moves = self._store.second_looks
        with self._store.database.together():
            self._store.evidence.add_handshakes(result.looks)
            if cause is None:
                moves.verify(record.task_id, record.ordinal, at)
            elif cause.code == NOT_SERVED_LATER:
                moves.fail(record.task_id, record.ordinal, at, cause)
        if cause is not None and cause.code == NOT_SERVED_LATER:
            self._store.inventory.doubt(record.change.resource.id)


def rest(seconds: float) -> None:
    """Waits between two looks, in a step or at a command line."""
    if activity.in_activity():
        pause(seconds)
    else:
        sleep(seconds)


def drift_of(result: Result, at: datetime) -> EdgeDrift | None:
    """What is shown in place of what was left; None where it is that, or nothing is reached."""
    wrong = [each for each in result.looks if each.reached and not each.verified]
    if result.cause is None or result.cause.code != NOT_SERVED_LATER or not wrong:
        return None
    return EdgeDrift(
        resource_id=result.record.change.resource.id,
        task_id=result.record.task_id,
        seen=wrong[0].seen,
        address=wrong[0].address,
        problem=result.cause.message,
        since=at,
        seen_at=at,
    )


def added(one: Verified, other: Verified) -> Verified:
    """Both together."""
    return Verified(**{name: value + getattr(other, name) for name, value in one})


def order_of(record: OutcomeRecord) -> ChangeOrder:
    """The change as its handshakes name it: what is there now was deployed."""
    resource = record.change.resource
    return ChangeOrder(
        task_id=record.task_id,
        ordinal=record.ordinal,
        direction=Direction.DEPLOY,
        label=resource.id,
        account=resource.account,
        service=resource.service,
    )
