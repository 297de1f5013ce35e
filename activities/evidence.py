"""What is kept of each attempt as evidence: the handshakes made, and why it failed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from activities.failures import cause_from
from activities.handshake import Endpoint, Seen
from domain.errors import CloudError
from domain.plan import Change
from domain.record import FailedAttempt, Handshake
from domain.task import ChangeOrder
from storage.store import Store

PASSED_ON = "WorkerShutdown"  # no failure: another worker goes on


class Witness:
    """Sees one attempt, the `number`th; keeps why it failed, if a cloud's error leaves it."""

    def __init__(self, store: Store, order: ChangeOrder, number: int) -> None:
        self._store, self._order, self._number = store, order, number
        self._wanted: str | None = None
        self._shown: Mapping[Endpoint, Seen] = {}

    def watch(self, change: Change, shown: Mapping[Endpoint, Seen]) -> None:
        """From now on `shown` is what each endpoint showed last."""
        self._wanted = change.after.fingerprint if change.after else None
        self._shown = shown

    def keep(self) -> None:
        """Writes down what the endpoints showed."""
        order, now = self._order, datetime.now(UTC)
        self._store.evidence.add_handshakes(
            Handshake(
                task_id=order.task_id,
                ordinal=order.ordinal,
                direction=order.direction,
                at=now,
                endpoint=str(endpoint),
                wanted=self._wanted,
                seen=seen.fingerprint,
                problem=seen.error,
            )
            for endpoint, seen in self._shown.items()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if not isinstance(error, CloudError) or error.code == PASSED_ON:
            return
        order = self._order
        failed = FailedAttempt(
            task_id=order.task_id,
            ordinal=order.ordinal,
            direction=order.direction,
            number=self._number,
            at=datetime.now(UTC),
            cause=cause_from(error),
        )
        with self._store.database.together():
            self.keep()
            self._store.evidence.add_attempt(failed)
