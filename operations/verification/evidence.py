"""Records the handshakes of an attempt and why it failed; the activity `deploy` calls it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from domain.cause import Cause
from domain.errors import CloudError
from domain.plans.plan import Change
from domain.resources.resource import Binding
from domain.tasks.evidence import FailedAttempt, Handshake, Moment
from domain.tasks.messages import ChangeOrder
from operations.tls.handshake import Endpoint
from operations.verification.observation import Observation, Prober, Verdict
from storage.store import Store

NOT_FAILURES = ("WorkerShutdown", "Superseded")  # another attempt goes on


class EvidenceRecorder:
    """The evidence of the attempt of this number, from 1.

    As a context manager it records the CloudError by which the attempt fails.
    """

    def __init__(self, store: Store, order: ChangeOrder, number: int) -> None:
        self._store, self._order, self._number = store, order, number
        self._wanted: Binding | None = None
        self._observations: Mapping[Endpoint, Observation] = {}

    def watch(self, change: Change, observations: Mapping[Endpoint, Observation]) -> None:
        """Remembers a mapping that the verifier keeps current: the last observation by address."""
        self._wanted, self._observations = change.after, observations

    def observe_before(
        self, change: Change, prober: Prober, endpoints: Iterable[Endpoint]
    ) -> list[Handshake]:
        """Observes each address before the change."""
        now = datetime.now(UTC)
        return [
            to_handshake(
                self._order,
                Observation(
                    endpoint=endpoint, address=address, result=result, verdict=Verdict.IGNORED
                ),
                change.before,
                now,
                "before",
            )
            for endpoint in endpoints
            for address, result in prober.probe_all(endpoint).items()
        ]

    def save(self) -> None:
        """Saves the last observations as handshakes after the change."""
        now = datetime.now(UTC)
        self._store.evidence.add_handshakes(
            to_handshake(self._order, each, self._wanted, now, "after")
            for each in self._observations.values()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if not isinstance(error, CloudError) or error.code in NOT_FAILURES:
            return
        order = self._order
        failed = FailedAttempt(
            task_id=order.task_id,
            ordinal=order.ordinal,
            direction=order.direction,
            number=self._number,
            at=datetime.now(UTC),
            cause=Cause.from_error(error),
        )
        with self._store.database.one_transaction():
            self.save()
            self._store.evidence.add_attempt(failed)


def to_handshake(
    order: ChangeOrder,
    observation: Observation,
    wanted: Binding | None,
    at: datetime,
    moment: Moment,
) -> Handshake:
    """The observation as storage keeps it; `wanted` is what should be served at that moment."""
    return Handshake(
        task_id=order.task_id,
        ordinal=order.ordinal,
        direction=order.direction,
        at=at,
        endpoint=str(observation.endpoint),
        expected=wanted.fingerprint if wanted else None,
        observed=observation.result.fingerprint,
        problem=observation.problem,
        address=observation.address.host_and_port,
        server_name=observation.address.server_name,
        moment=moment,
        chain=observation.result.chain,
        reached=observation.result.reached,
        verified=observation.verdict is Verdict.SHOWN,
    )
