"""Making one change and proving it: the same steps on the way there and on the way back."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from temporalio import activity

from activities.clouds import Clouds
from activities.evidence import Witness
from activities.failures import told_to_the_engine
from activities.handshake import Endpoint, Seen, look
from activities.heartbeats import Heart
from activities.installing import put_into_store
from activities.proof import Proof
from activities.turns import Turn
from domain.certificate import Certificate
from domain.connector import Connector
from domain.errors import Drifted, NeedsOperator, Permanent, Transient
from domain.model import Value
from domain.plan import Change, invert
from domain.record import OutcomeRecord
from domain.resource import Binding, CertificateRef, describe, serves
from domain.status import OutcomeStatus
from domain.task import Cause, ChangeOrder, Direction, Installation
from storage.store import Store

BEGUN = {
    Direction.DEPLOY: OutcomeStatus.DEPLOYING,
    Direction.ROLL_BACK: OutcomeStatus.ROLLING_BACK,
}
DONE = {
    Direction.DEPLOY: OutcomeStatus.DEPLOYED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLED_BACK,
}
FAILED = {
    Direction.DEPLOY: OutcomeStatus.FAILED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLBACK_FAILED,
}


class FailedChange(Value):
    """A change that ended without success, and why."""

    order: ChangeOrder
    cause: Cause


def now() -> datetime:
    """The worker's clock, UTC."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Waits between two looks; a worker that shuts down hands the step to another."""
    if activity.in_activity():
        activity.wait_for_worker_shutdown_sync(seconds)
        if activity.is_worker_shutdown():
            raise Transient("the worker is shutting down", code="WorkerShutdown")


class Deployment:
    """One attempt at one change; built by worker.py with what it needs."""

    def __init__(
        self,
        store: Store,
        clouds: Clouds,
        heart: Heart,
        look: Callable[[Endpoint], Seen] = look,
    ) -> None:
        self._store, self._clouds, self._heart, self._look = store, clouds, heart, look

    @activity.defn
    def install(self, wanted: Installation) -> None:
        """Puts one certificate into one store; found there by fingerprint, not put twice.

        The store is asked each time: what lay there last month may have been deleted since.
        """
        with told_to_the_engine(), self._heart.beating():
            certificate = self._store.certificates.get(wanted.fingerprint)
            refuse_expired(certificate, now())
            outcome = self._store.tasks.outcomes.get(wanted.task_id, wanted.ordinal)
            resource = outcome.change.resource
            connector = self._clouds.connector(wanted.account, resource.service)
            put_into_store(self._store, connector, wanted, certificate, resource)

    @activity.defn
    def deploy(self, order: ChangeOrder) -> None:
        """Makes one change in either direction, and records it once a handshake shows it.

        What no handshake can show is recorded once the service has accepted it, and told so.
        """
        with told_to_the_engine(), self._heart.beating():
            record = self._begin(order)
            if record is None:
                return
            change = record.change
            if order.direction is Direction.ROLL_BACK:
                refuse_irreversible(change)
                change = invert(change)
            with (
                Witness(self._store, order, record.attempts) as witness,
                Turn(self._store.locks, order, pause) as turn,
            ):
                change = self._located(change)
                self._apply(order, change, record.applied, turn, witness)
                with self._store.database.together():
                    witness.keep()
                    self._store.inventory.bound(change.resource.id, change.after, now())
                    self._finish(order, DONE[order.direction], accepted(change))

    @activity.defn
    def record_failure(self, failed: FailedChange) -> None:
        """Records that a change will not be tried again."""
        order = failed.order
        with told_to_the_engine():
            self._finish(order, FAILED[order.direction], failed.cause)
            record = self._store.tasks.outcomes.get(order.task_id, order.ordinal)
            if record.applied:
                self._store.inventory.doubt(record.change.resource.id)

    def _begin(self, order: ChangeOrder) -> OutcomeRecord | None:
        """The change with one attempt more; None where an attempt recorded its success already.

        The engine repeats a step whose answer was lost on the way: by a killed server, say.
        """
        outcomes = self._store.tasks.outcomes
        try:
            return outcomes.begin(order.task_id, order.ordinal, BEGUN[order.direction], now())
        except ValueError:
            if self._is_done(order):
                return None
            raise

    def _finish(self, order: ChangeOrder, status: OutcomeStatus, cause: Cause | None) -> None:
        """Records the end. A success stays one, even if the engine gave its attempt up as late."""
        outcomes = self._store.tasks.outcomes
        try:
            outcomes.finish(order.task_id, order.ordinal, status, now(), cause)
        except ValueError:
            if not self._is_done(order):
                raise

    def _is_done(self, order: ChangeOrder) -> bool:
        record = self._store.tasks.outcomes.get(order.task_id, order.ordinal)
        return record.status is DONE[order.direction]

    def _apply(
        self, order: ChangeOrder, change: Change, applied: bool, turn: Turn, witness: Witness
    ) -> None:
        connector = self._clouds.connector(order.account, order.service)
        found = connector.read(change.resource)
        there = serves(found, change.after)
        if not there and not serves(found, change.before):
            raise Drifted(describe(found), describe(change.before))
        # That it is there already may be our own record alone, which misses a lost answer.
        if change.unproven or not there:
            self._bind(order, connector, change, applied)
        deadline = monotonic() + self._clouds.propagation(order.account, order.service)
        proof = Proof(change, deadline, self._look, turn.pause)
        witness.watch(change, proof.shown)
        proof.settled(connector)
        for endpoint in () if change.unproven else self._clouds.endpoints(change.resource):
            proof.served(endpoint)
        connector.release(change.resource, _ref(change.before), _ref(change.after))

    def _bind(
        self, order: ChangeOrder, connector: Connector, change: Change, applied: bool
    ) -> None:
        """Binds, having written down that from now on the resource may be changed.

        A clear refusal of the first call that could have changed it takes that back: there is
        nothing to undo then. After any other error nobody knows, so it stays.
        """
        outcomes = self._store.tasks.outcomes
        outcomes.mark_applied(order.task_id, order.ordinal)
        try:
            connector.bind(change.resource, _ref(change.after))
        except (Permanent, NeedsOperator):
            if not applied:
                outcomes.mark_applied(order.task_id, order.ordinal, False)
            raise
        if change.unproven and change.after:
            self._store.remembered.put(change.resource, change.after, now())

    def _located(self, change: Change) -> Change:
        return change.model_copy(
            update={
                "before": self._with_ref(change, change.before),
                "after": _required(self._with_ref(change, change.after), change.store),
            }
        )

    def _with_ref(self, change: Change, binding: Binding | None) -> Binding | None:
        """Adds where our own certificate lies, which a plan cannot know beforehand."""
        if binding is None or binding.ref is not None or binding.fingerprint is None:
            return binding
        ref = self._store.installations.get(
            binding.fingerprint, change.resource.account, change.store
        )
        return binding.model_copy(update={"ref": ref})


def _ref(binding: Binding | None) -> CertificateRef | None:
    return binding.ref if binding else None


def accepted(change: Change) -> Cause | None:
    """What is to be told of a success that nothing has verified."""
    if change.unproven is None:
        return None
    return Cause(code="Accepted", message=f"accepted, not verified: {change.unproven}")


def refuse_irreversible(change: Change) -> None:
    """A way back that the plan ruled out is not tried."""
    if change.not_reversible:
        raise Permanent(change.not_reversible, code="NotReversible", advice="Deploy another.")


def refuse_expired(certificate: Certificate, at: datetime) -> None:
    """A certificate may expire while its task waits."""
    if not certificate.not_before <= at < certificate.not_after:
        raise Permanent(
            f"{certificate.name} is valid only from {certificate.not_before:%Y-%m-%d %H:%M} "
            f"to {certificate.not_after:%Y-%m-%d %H:%M} UTC",
            code="NotValidNow",
            advice="Upload its successor and make a new task.",
        )


def _required(binding: Binding | None, store: str) -> Binding | None:
    """What shall be bound must lie somewhere."""
    if binding is None or binding.ref is not None:
        return binding
    raise Permanent(
        f"certificate {binding} is not installed in {store}",
        code="NotInstalled",
        advice="Its installation failed or was removed; make a new task.",
    )
