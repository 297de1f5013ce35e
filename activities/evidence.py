"""What is kept of each attempt as evidence: the handshakes made, and why it failed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from activities.failures import cause_from
from activities.handshake import Endpoint, Seen
from domain.errors import CloudError
from domain.plan import Change
from domain.record import FailedAttempt, Handshake
from domain.task import ChangeOrder
from storage.store import Store

PASSED_ON = "WorkerShutdown"  # no failure: another worker goes on


@contextmanager
def witnessed(store: Store, order: ChangeOrder, number: int) -> Iterator[None]:
    """Keeps why the attempt `number` failed, if it does."""
    try:
        yield
    except CloudError as error:
        if error.code != PASSED_ON:
            store.evidence.add_attempt(
                FailedAttempt(
                    task_id=order.task_id,
                    ordinal=order.ordinal,
                    direction=order.direction,
                    number=number,
                    at=datetime.now(UTC),
                    cause=cause_from(error),
                )
            )
        raise


def handshakes(
    order: ChangeOrder, change: Change, shown: Mapping[Endpoint, Seen]
) -> list[Handshake]:
    """What each endpoint showed last, as it is kept."""
    wanted = change.after.fingerprint if change.after else None
    return [
        Handshake(
            task_id=order.task_id,
            ordinal=order.ordinal,
            direction=order.direction,
            at=datetime.now(UTC),
            endpoint=str(endpoint),
            wanted=wanted,
            seen=seen.fingerprint,
            problem=seen.error,
        )
        for endpoint, seen in shown.items()
    ]
