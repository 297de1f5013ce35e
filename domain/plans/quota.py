"""Deployment quota: what a change costs, and the ledger that never goes below zero."""

from collections.abc import Iterable
from enum import StrEnum

from domain.certificates.certificate import Source
from domain.errors import BadInput
from domain.model import Value


class EntryKind(StrEnum):
    """Grants and refunds add, reservations take; a charge says that a reservation is spent."""

    GRANT = "grant"
    RESERVE = "reserve"
    CHARGE = "charge"
    REFUND = "refund"


_SIGN = {EntryKind.GRANT: 1, EntryKind.RESERVE: -1, EntryKind.CHARGE: 0, EntryKind.REFUND: 1}


class Entry(Value):
    """One line of the ledger; `amount` counts deployments and is never negative."""

    kind: EntryKind
    amount: int
    task_id: str | None = None


class Settlement(Value):
    """How a task's reservation was used: charged + refunded = reserved."""

    charged: int
    refunded: int


def cost(source: Source) -> int:
    """What deploying a certificate of this source to one resource costs.

    Uploaded ones cost one deployment; official and shared ones (same verified owner) nothing.
    """
    return 1 if source is Source.UPLOADED else 0


def balance(entries: Iterable[Entry]) -> int:
    """Deployments that may still be reserved."""
    return sum(_SIGN[entry.kind] * entry.amount for entry in entries)


def check_reservation(amount: int, available: int) -> None:
    """Refuses to reserve more than there is."""
    if amount > available:
        raise BadInput(
            f"the task needs {amount} deployments of quota, {available} are left",
            where="quota",
            code="quota-exceeded",
            fix=f"Grant at least {amount - available} more (certroll quota grant), "
            "or choose fewer resources.",
        )


def settle(reserved: int, applied: int) -> Settlement:
    """Each resource that was deployed is charged, every other one refunded."""
    if not 0 <= applied <= reserved:
        raise ValueError(f"{applied} deployed of {reserved} reserved")
    return Settlement(charged=applied, refunded=reserved - applied)
