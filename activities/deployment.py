"""Making one change and proving it: the same steps on the way there and on the way back."""

from collections.abc import Sequence
from time import monotonic

from temporalio import activity

from activities.bookkeeping import installation_for
from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from activities.pausing import pause
from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.errors import Drifted, NeedsOperator, Permanent, Transient
from domain.plans.plan import Change
from domain.resources.connector import Connector
from domain.resources.resource import Binding, CertificateRef, describe, serves
from domain.tasks.evidence import Handshake
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from operations.deployment.guards import in_direction, refuse_expired, required
from operations.deployment.installation import put_into_store
from operations.deployment.outcome import (
    BEGUN,
    DONE,
    FAILED,
    UNSEEN,
    FailedChange,
    accepted,
    left_as_it_is,
    told,
)
from operations.deployment.resource_lock import Turn
from operations.runtime.clock import now
from operations.runtime.connector_pool import Clouds
from operations.verification.evidence import Witness
from operations.verification.observation import Eyes, Past
from operations.verification.verifier import Proof
from storage.store import Store


class Deployment:
    """One attempt at one change; built by worker.py with what it needs."""

    def __init__(
        self,
        store: Store,
        clouds: Clouds,
        heart: Heart,
        eyes: Eyes | None = None,
    ) -> None:
        self._store, self._clouds, self._heart = store, clouds, heart
        self._eyes = eyes or Eyes()

    @activity.defn
    def install(self, wanted: Installation) -> None:
        """Puts one certificate into one store; found there by fingerprint, not put twice.

        The store is asked each time: what lay there last month may have been deleted since.
        """
        with told_to_the_engine(), self._heart.beating():
            self._put(wanted, self._store.tasks.outcomes.get(wanted.task_id, wanted.ordinal))

    @activity.defn
    def deploy(self, order: ChangeOrder) -> OutcomeStatus | None:
        """Makes one change in either direction, and records it once handshakes show it.

        What no handshake can show is recorded once the service has accepted it, as unverified.
        Answers with what it has become, None where a former attempt has recorded that already.
        """
        with told_to_the_engine(), self._heart.beating():
            turn = Turn(self._store.locks, order, pause)
            record = self._begin(order, turn)
            if record is None:
                return None
            with Witness(self._store, order, record.attempts) as witness, turn:
                self._install_late(order, record)
                change = self._located(in_direction(order, record.change, now()))
                cause = self._apply(order, change, record, turn, witness)
                with self._store.database.together():
                    witness.keep()
                    self._store.inventory.bound(change.resource.id, change.after, now())
                    ended = (UNSEEN if cause else DONE)[order.direction]
                    self._finish(order, ended, told(order.why, cause))
                    turn.give_back()
            return ended

    @activity.defn
    def record_failure(self, failed: FailedChange) -> None:
        """Records that a change will not be tried again."""
        order = failed.order
        with told_to_the_engine():
            record = self._store.tasks.outcomes.get(order.task_id, order.ordinal)
            self._finish(order, FAILED[order.direction], left_as_it_is(failed, record))
            if record.applied:
                self._store.inventory.doubt(record.change.resource.id)

    def _begin(self, order: ChangeOrder, turn: Turn) -> OutcomeRecord | None:
        """The change with one attempt more; None where an attempt recorded its success already.

        The engine repeats a step whose answer was lost on the way: by a killed server, say.
        """
        outcomes = self._store.tasks.outcomes
        try:
            with self._store.database.together():
                turn.take_early()
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
        return record.status in (DONE[order.direction], UNSEEN[order.direction])

    def _apply(
        self,
        order: ChangeOrder,
        change: Change,
        record: OutcomeRecord,
        turn: Turn,
        witness: Witness,
    ) -> Cause | None:
        """Makes the change and proves it; a cause tells why nothing could verify it."""
        connector = self._clouds.connector(order.account, order.service)
        found = connector.read(change.resource)
        there = serves(found, change.after)
        if not there and not serves(found, change.before):
            raise Drifted(describe(found), describe(change.before))
        # That it is there already may be our own record alone, which misses a lost answer.
        endpoints = () if change.unproven else self._clouds.endpoints(change.resource)
        past = self._past(order, record)
        if change.unproven or not there:
            before = (
                [] if past.has(order.direction) else witness.before(change, self._eyes, endpoints)
            )
            past.add(before)
            self._bind(order, connector, change, record, before)
        deadline = monotonic() + self._clouds.propagation(order.account, order.service)
        ours = self._ours(change)
        proof = Proof(change, deadline, self._eyes, turn.pause, ours=ours, past=past)
        witness.watch(change, proof.looks)
        proof.settled(connector)
        cause = accepted(change) or proof.served(endpoints)
        connector.release(change.resource, _ref(change.before), _ref(change.after))
        return cause

    def _past(self, order: ChangeOrder, record: OutcomeRecord) -> Past:
        """What was seen before; nothing was, where this is the first attempt of all."""
        if order.direction is Direction.DEPLOY and record.attempts == 1:
            return Past()
        return Past(self._store.evidence.of_change(order.task_id, order.ordinal))

    def _ours(self, change: Change) -> Certificate | None:
        """Our copy of the certificate after the change, if we hold one."""
        wanted = change.after.fingerprint if change.after and not change.unproven else None
        return self._store.certificates.held(wanted) if wanted else None

    def _bind(
        self,
        order: ChangeOrder,
        connector: Connector,
        change: Change,
        record: OutcomeRecord,
        before: Sequence[Handshake],
    ) -> None:
        """Binds, having written down that from now on the resource may be changed.

        Beside it lies what was served before: what answered then has to answer afterwards.
        An attempt that comes late, after another one or after the end, touches nothing.
        A clear refusal of the first call that could have changed it takes that back: there is
        nothing to undo then. After any other error nobody knows, so it stays.
        """
        outcomes = self._store.tasks.outcomes
        mine = (order.task_id, order.ordinal, record.attempts)
        with self._store.database.together():
            self._store.evidence.add_handshakes(before)
            if not outcomes.mark_applied_by(*mine):
                raise Transient("another attempt goes on with this change", code="Superseded")
        try:
            connector.bind(change.resource, _ref(change.after))
        except (Permanent, NeedsOperator):
            if not record.applied:
                outcomes.mark_applied_by(*mine, applied=False)
            raise
        if change.unproven and change.after:
            self._store.remembered.put(change.resource, change.after, now())

    def _install_late(self, order: ChangeOrder, record: OutcomeRecord) -> None:
        """Installs what could not be before the first change, since its store was down then.

        One at a time: of many changes that need it only the first one uploads it.
        """
        wanted = installation_for(record) if order.direction is Direction.DEPLOY else None
        if wanted is None or self._lies(wanted):
            return
        place = f"install {wanted.fingerprint} into {wanted.store} of {wanted.account}"
        with Turn(self._store.locks, order.model_copy(update={"lock": place}), pause):
            if not self._lies(wanted):
                self._put(wanted, record)

    def _lies(self, wanted: Installation) -> bool:
        place = (wanted.fingerprint, wanted.account, wanted.store)
        return self._store.installations.get(*place) is not None

    def _put(self, wanted: Installation, record: OutcomeRecord) -> None:
        certificate = self._store.certificates.get(wanted.fingerprint)
        refuse_expired(certificate, now())
        resource = record.change.resource
        connector = self._clouds.connector(wanted.account, resource.service)
        put_into_store(self._store, connector, wanted, certificate, resource)

    def _located(self, change: Change) -> Change:
        return change.model_copy(
            update={
                "before": self._with_ref(change, change.before),
                "after": required(self._with_ref(change, change.after), change.store),
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
