"""What is kept of each attempt as evidence: the handshakes made, and why it failed."""

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
from operations.verification.observation import Eyes, Finding, Look
from storage.store import Store

PASSED_ON = ("WorkerShutdown", "Superseded")  # no failures: another attempt goes on


class Witness:
    """Sees one attempt, the `number`th; keeps why it failed, if a cloud's error leaves it."""

    def __init__(self, store: Store, order: ChangeOrder, number: int) -> None:
        self._store, self._order, self._number = store, order, number
        self._wanted: Binding | None = None
        self._looks: Mapping[Endpoint, Look] = {}

    def watch(self, change: Change, looks: Mapping[Endpoint, Look]) -> None:
        """From now on `looks` is what each address showed last."""
        self._wanted, self._looks = change.after, looks

    def before(self, change: Change, eyes: Eyes, endpoints: Iterable[Endpoint]) -> list[Handshake]:
        """Looks at each address, before it is changed."""
        now = datetime.now(UTC)
        return [
            handshake(
                self._order,
                Look(endpoint=endpoint, address=address, seen=seen, finding=Finding.ASIDE),
                change.before,
                now,
                "before",
            )
            for endpoint in endpoints
            for address, seen in eyes.all_of(endpoint).items()
        ]

    def keep(self) -> None:
        """Writes down what the addresses showed."""
        now = datetime.now(UTC)
        self._store.evidence.add_handshakes(
            handshake(self._order, each, self._wanted, now, "after")
            for each in self._looks.values()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if not isinstance(error, CloudError) or error.code in PASSED_ON:
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
        with self._store.database.together():
            self.keep()
            self._store.evidence.add_attempt(failed)


def handshake(
    order: ChangeOrder, look: Look, wanted: Binding | None, at: datetime, moment: Moment
) -> Handshake:
    """What one look found, as it is kept."""
    return Handshake(
        task_id=order.task_id,
        ordinal=order.ordinal,
        direction=order.direction,
        at=at,
        endpoint=str(look.endpoint),
        wanted=wanted.fingerprint if wanted else None,
        seen=look.seen.fingerprint,
        problem=look.problem,
        address=look.address.place,
        server_name=look.address.server_name,
        moment=moment,
        chain=look.seen.chain,
        reached=look.seen.reached,
        verified=look.finding is Finding.SHOWN,
    )
