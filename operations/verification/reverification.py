"""Verifies deployed changes again, long after they ended, by handshakes.

The activities of reverification call it, and so does `certroll verify`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from time import monotonic, sleep

from domain.cause import Cause
from domain.errors import Permanent
from domain.model import Value
from domain.tasks.audit import CERTROLL, TaskEventCode
from domain.tasks.evidence import Handshake, Moment
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from operations.runtime.clock import now
from operations.runtime.connector_pool import ConnectorPool
from operations.verification.evidence import to_handshake
from operations.verification.observation import ObservationHistory, Prober
from operations.verification.verifier import Verifier
from storage.expiry.drift import EdgeDrift
from storage.statements import batches
from storage.store import Store

PROBES_AT_ONCE = 32
PER_PAGE = 500
WAIT_SECONDS = 5.0
"""How long one bad observation may turn out to be an accident."""

NOT_SERVED_LATER = "NotServedLater"


class ReverificationCounts(Value):
    """How many changes of a task are verified, how many unreachable, how many no longer served.

    `failed` counts what any reverification found, so that a repeated one counts alike.
    """

    deployed: int = 0
    unverified: int = 0
    failed: int = 0


class VerificationCounts(Value):
    """How many resources serve what our tasks deployed last, and how many do not.

    `drifted` serve something else, `new_drifts` of them since this run; `unreached` cannot be
    reached from here.
    """

    verified: int = 0
    drifted: int = 0
    new_drifts: int = 0
    unreached: int = 0


class VerificationResult(Value):
    """The handshakes for one change, and a cause if they do not show its certificate."""

    record: OutcomeRecord
    handshakes: tuple[Handshake, ...]
    cause: Cause | None


class Reverifier:
    """`pause` waits between two observations, for the given seconds; it may raise to stop."""

    def __init__(
        self,
        store: Store,
        pool: ConnectorPool,
        prober: Prober | None = None,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._store, self._pool, self._pause = store, pool, pause
        self._prober = prober or Prober()

    def verify_task(self, task_id: str, wave: int | None, at: datetime) -> ReverificationCounts:
        """Verifies what a task deployed, in one wave or all. May be repeated.

        A change whose certificate is no longer served fails; one that was unreachable and serves
        it now is deployed. Its quota stays charged.
        """
        reverification, after = self._store.reverification, -1
        while page := reverification.list_checkable(task_id, wave, after, PER_PAGE):
            for result in self.verify_records(page, "again"):
                self._record(result, at)
            after = page[-1].ordinal
        counts = reverification.count(task_id, wave, NOT_SERVED_LATER)
        return ReverificationCounts(**{status.value: count for status, count in counts.items()})

    def verify_all(self, at: datetime) -> VerificationCounts:
        """Verifies the last deployment of every resource, and records drift. May be repeated."""
        counts = VerificationCounts()
        for results in self.verify_deployments():
            counts = add_counts(counts, self.record_drift(results, at))
        return counts

    def verify_deployments(
        self, task_id: str | None = None
    ) -> Iterator[Sequence[VerificationResult]]:
        """Verifies by pages what one task, or any, deployed last on each resource."""
        deployments = self._store.edge_drifts.list_last_deployments(task_id)
        for page in batches(deployments, PER_PAGE):
            yield self.verify_records(self._store.reverification.list_chosen(page), "later")

    def record_drift(
        self, results: Sequence[VerificationResult], at: datetime
    ) -> VerificationCounts:
        """Records which resources have drifted; new drift goes to the audit log of its task."""
        verified = [each for each in results if each.cause is None]
        drifts = [(each, drift) for each in results if (drift := find_drift(each, at))]
        self._store.edge_drifts.delete(each.record.change.resource.id for each in verified)
        new = [(each, drift) for each, drift in drifts if self._store.edge_drifts.save(drift)]
        for result, drift in new:
            self._store.evidence.add_handshakes(result.handshakes)
            text = f"{drift.resource_id}: {drift.problem}"
            self._store.tasks.add_event(drift.task_id, TaskEventCode.DRIFT, CERTROLL, text, at)
        return VerificationCounts(
            verified=len(verified),
            drifted=len(drifts),
            new_drifts=len(new),
            unreached=len(results) - len(verified) - len(drifts),
        )

    def verify_records(
        self, records: Sequence[OutcomeRecord], moment: Moment
    ) -> list[VerificationResult]:
        """Verifies these side by side, in threads of its own; leaves out what is unverifiable."""
        verifiable = [each for each in records if each.change.unverifiable is None]
        with ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="probe") as threads:
            waiting = [
                threads.submit(copy_context().run, self._verify, record, moment)
                for record in verifiable
            ]
            return [each.result() for each in waiting]

    def _verify(self, record: OutcomeRecord, moment: Moment) -> VerificationResult:
        change = record.change
        wanted = change.after.fingerprint if change.after else None
        earlier = self._store.evidence.list_change_handshakes(record.task_id, record.ordinal)
        verifier = Verifier(
            change,
            monotonic() + WAIT_SECONDS,
            self._prober,
            self._pause,
            ours=self._store.certificates.get_if_stored(wanted) if wanted else None,
            history=ObservationHistory(earlier),
        )
        cause: Cause | None
        try:
            cause = verifier.wait_until_served(self._pool.list_endpoints(change.resource))
        except Permanent as error:
            cause = Cause(code=NOT_SERVED_LATER, message=error.message, advice=error.advice)
        order, at = _to_order(record), now()
        handshakes = tuple(
            to_handshake(order, each, change.after, at, moment)
            for each in verifier.observations.values()
        )
        return VerificationResult(record=record, handshakes=handshakes, cause=cause)

    def _record(self, result: VerificationResult, at: datetime) -> None:
        record, cause = result.record, result.cause
        with self._store.database.one_transaction():
            self._store.evidence.add_handshakes(result.handshakes)
            if cause is None:
                self._store.reverification.mark_verified(record.task_id, record.ordinal, at)
            elif cause.code == NOT_SERVED_LATER:
                self._store.reverification.mark_failed(record.task_id, record.ordinal, at, cause)
        if cause is not None and cause.code == NOT_SERVED_LATER:
            self._store.inventory.mark_unknown(record.change.resource.id)


def find_drift(result: VerificationResult, at: datetime) -> EdgeDrift | None:
    """What is served in place of what was deployed; None if it is that, or nothing answers."""
    wrong = [each for each in result.handshakes if each.reached and not each.verified]
    if result.cause is None or result.cause.code != NOT_SERVED_LATER or not wrong:
        return None
    return EdgeDrift(
        resource_id=result.record.change.resource.id,
        task_id=result.record.task_id,
        observed=wrong[0].observed,
        address=wrong[0].address,
        problem=result.cause.message,
        since=at,
        observed_at=at,
    )


def add_counts(one: VerificationCounts, other: VerificationCounts) -> VerificationCounts:
    return VerificationCounts(**{name: value + getattr(other, name) for name, value in one})


def _to_order(record: OutcomeRecord) -> ChangeOrder:
    """The order under which the handshakes are recorded: what is served now was deployed."""
    resource = record.change.resource
    return ChangeOrder(
        task_id=record.task_id,
        ordinal=record.ordinal,
        direction=Direction.DEPLOY,
        label=resource.id,
        account=resource.account,
        service=resource.service,
    )
