"""Activities that make one change and verify it; DeploymentTask runs them.

A rollback runs the same steps with the change inverted.
"""

from collections.abc import Sequence
from time import monotonic

from temporalio import activity

from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from activities.pausing import pause
from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.errors import Drifted, NeedsOperator, Permanent, Transient
from domain.plans.plan import Change
from domain.resources.connector import Connector
from domain.resources.resource import Binding, CertificateRef, describe_binding, is_same_binding
from domain.tasks.evidence import Handshake
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from operations.deployment.guards import build_change_to_make, refuse_expired, require_installed
from operations.deployment.installation import build_installation, put_into_store
from operations.deployment.outcome import (
    DONE,
    FAILED,
    STARTED,
    UNVERIFIED,
    FailedChange,
    build_failure_cause,
    build_success_cause,
    build_unverifiable_cause,
)
from operations.deployment.resource_lock import ResourceLease
from operations.runtime.clock import now
from operations.runtime.connector_pool import ConnectorPool
from operations.verification.evidence import EvidenceRecorder
from operations.verification.observation import ObservationHistory, Prober
from operations.verification.verifier import Verifier
from storage.store import Store


class DeploymentActivities:
    """Built by worker.py."""

    def __init__(
        self,
        store: Store,
        pool: ConnectorPool,
        heartbeater: Heartbeater,
        prober: Prober | None = None,
    ) -> None:
        self._store, self._pool, self._heartbeater = store, pool, heartbeater
        self._prober = prober or Prober()

    @activity.defn
    def install(self, wanted: Installation) -> None:
        """Puts one certificate into one store, unless the store has one of its fingerprint.

        The store is read each time: a certificate may have been deleted there since.
        """
        with as_application_errors(), self._heartbeater.running():
            self._install(wanted, self._store.tasks.outcomes.get(wanted.task_id, wanted.ordinal))

    @activity.defn
    def deploy(self, order: ChangeOrder) -> OutcomeStatus | None:
        """Makes one change in either direction, and records it once handshakes show it.

        A change that no handshake can show is unverified once the service has accepted it.
        Returns the new status, or None if an earlier attempt has recorded it.
        """
        with as_application_errors(), self._heartbeater.running():
            lease = ResourceLease(self._store.locks, order, pause)
            record = self._begin(order, lease)
            if record is None:
                return None
            with EvidenceRecorder(self._store, order, record.attempts) as recorder, lease:
                self._install_if_missing(order, record)
                change = self._add_refs(build_change_to_make(order, record.change, now()))
                cause = self._apply(order, change, record, lease, recorder)
                with self._store.database.one_transaction():
                    recorder.save()
                    self._store.inventory.save_binding(change.resource.id, change.after, now())
                    ended = (UNVERIFIED if cause else DONE)[order.direction]
                    self._finish(order, ended, build_success_cause(order.rollback_cause, cause))
                    lease.release()
            return ended

    @activity.defn
    def record_failure(self, failed: FailedChange) -> None:
        """Records that a change will not be tried again."""
        order = failed.order
        with as_application_errors():
            record = self._store.tasks.outcomes.get(order.task_id, order.ordinal)
            self._finish(order, FAILED[order.direction], build_failure_cause(failed, record))
            if record.applied:
                self._store.inventory.mark_unknown(record.change.resource.id)

    def _begin(self, order: ChangeOrder, lease: ResourceLease) -> OutcomeRecord | None:
        """Counts one more attempt; returns None if an earlier one has recorded its success.

        Temporal repeats an activity whose result was lost, for example by a killed server.
        """
        outcomes = self._store.tasks.outcomes
        try:
            with self._store.database.one_transaction():
                lease.try_acquire()
                return outcomes.begin_attempt(
                    order.task_id, order.ordinal, STARTED[order.direction], now()
                )
        except ValueError:
            if self._is_done(order):
                return None
            raise

    def _finish(self, order: ChangeOrder, status: OutcomeStatus, cause: Cause | None) -> None:
        """Records the status. A success stays one, even if Temporal timed the attempt out."""
        outcomes = self._store.tasks.outcomes
        try:
            outcomes.end_attempt(order.task_id, order.ordinal, status, now(), cause)
        except ValueError:
            if not self._is_done(order):
                raise

    def _is_done(self, order: ChangeOrder) -> bool:
        record = self._store.tasks.outcomes.get(order.task_id, order.ordinal)
        return record.status in (DONE[order.direction], UNVERIFIED[order.direction])

    def _apply(
        self,
        order: ChangeOrder,
        change: Change,
        record: OutcomeRecord,
        lease: ResourceLease,
        recorder: EvidenceRecorder,
    ) -> Cause | None:
        """Makes the change and verifies it; returns the cause if it could not be verified."""
        connector = self._pool.get(order.account, order.service)
        found = connector.read(change.resource)
        is_served = is_same_binding(found, change.after)
        if not is_served and not is_same_binding(found, change.before):
            raise Drifted(describe_binding(found), describe_binding(change.before))
        # For an unverifiable change, "served" may come from our own record alone, which does not
        # know of an attempt whose answer was lost: bind again.
        endpoints = () if change.unverifiable else self._pool.list_endpoints(change.resource)
        history = self._get_history(order, record)
        if change.unverifiable or not is_served:
            before = (
                []
                if history.has_before(order.direction)
                else recorder.observe_before(change, self._prober, endpoints)
            )
            history.add(before)
            self._bind(order, connector, change, record, before)
        deadline = monotonic() + self._pool.get_propagation_seconds(order.account, order.service)
        ours = self._get_our_copy(change)
        verifier = Verifier(change, deadline, self._prober, lease.pause, ours=ours, history=history)
        recorder.watch(change, verifier.observations)
        verifier.wait_until_arrived(connector)
        cause = build_unverifiable_cause(change) or verifier.wait_until_served(endpoints)
        connector.remove_former(change.resource, _ref(change.before), _ref(change.after))
        return cause

    def _get_history(self, order: ChangeOrder, record: OutcomeRecord) -> ObservationHistory:
        """The observations of earlier attempts; none for the first attempt of a deployment."""
        if order.direction is Direction.DEPLOY and record.attempts == 1:
            return ObservationHistory()
        return ObservationHistory(
            self._store.evidence.list_change_handshakes(order.task_id, order.ordinal)
        )

    def _get_our_copy(self, change: Change) -> Certificate | None:
        """Our copy of the certificate after the change, if we hold one."""
        wanted = change.after.fingerprint if change.after and not change.unverifiable else None
        return self._store.certificates.get_if_stored(wanted) if wanted else None

    def _bind(
        self,
        order: ChangeOrder,
        connector: Connector,
        change: Change,
        record: OutcomeRecord,
        before: Sequence[Handshake],
    ) -> None:
        """Records that the resource may be changed from now on, and binds.

        The handshakes of `before` are recorded with it: an address that answered before has to
        answer afterwards. An attempt that comes late, after another one or after the end, changes
        nothing. If the provider refuses the first call that could change the resource, there is
        nothing to roll back, so the record is withdrawn. After any other error it stays.
        """
        outcomes = self._store.tasks.outcomes
        mine = (order.task_id, order.ordinal, record.attempts)
        with self._store.database.one_transaction():
            self._store.evidence.add_handshakes(before)
            if not outcomes.mark_applied(*mine):
                raise Transient("another attempt has taken over this change", code="Superseded")
        try:
            connector.bind(change.resource, _ref(change.after))
        except (Permanent, NeedsOperator):
            if not record.applied:
                outcomes.mark_applied(*mine, applied=False)
            raise
        if change.unverifiable and change.after:
            self._store.last_bindings.save(change.resource, change.after, now())

    def _install_if_missing(self, order: ChangeOrder, record: OutcomeRecord) -> None:
        """Installs the certificate if that failed before the first change: its store was down.

        Of many changes that need it, a lock lets only the first one upload it.
        """
        wanted = build_installation(record) if order.direction is Direction.DEPLOY else None
        if wanted is None or self._is_in_store(wanted):
            return
        name = f"install {wanted.fingerprint} into {wanted.store} of {wanted.account}"
        with ResourceLease(self._store.locks, order.model_copy(update={"lock": name}), pause):
            if not self._is_in_store(wanted):
                self._install(wanted, record)

    def _is_in_store(self, wanted: Installation) -> bool:
        installations = self._store.installations
        return installations.get(wanted.fingerprint, wanted.account, wanted.store) is not None

    def _install(self, wanted: Installation, record: OutcomeRecord) -> None:
        certificate = self._store.certificates.get(wanted.fingerprint)
        refuse_expired(certificate, now())
        resource = record.change.resource
        connector = self._pool.get(wanted.account, resource.service)
        put_into_store(self._store, connector, wanted, certificate, resource)

    def _add_refs(self, change: Change) -> Change:
        return change.model_copy(
            update={
                "before": self._with_ref(change, change.before),
                "after": require_installed(self._with_ref(change, change.after), change.store),
            }
        )

    def _with_ref(self, change: Change, binding: Binding | None) -> Binding | None:
        """Adds the id of our certificate in its store, which a plan cannot know."""
        if binding is None or binding.ref is not None or binding.fingerprint is None:
            return binding
        ref = self._store.installations.get(
            binding.fingerprint, change.resource.account, change.store
        )
        return binding.model_copy(update={"ref": ref})


def _ref(binding: Binding | None) -> CertificateRef | None:
    return binding.ref if binding else None
