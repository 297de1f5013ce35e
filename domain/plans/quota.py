"""Rules of the deployment quota: costs, balance, reservations, settlement.

The plan builder and storage.quota call it.
"""

from collections.abc import Iterable
from enum import StrEnum

from domain.certificates.certificate import Source
from domain.errors import BadInput
from domain.model import Value


class EntryKind(StrEnum):
    """Grants and refunds add, reservations subtract; a charge marks a reservation as spent."""

    GRANT = "grant"
    RESERVE = "reserve"
    CHARGE = "charge"
    REFUND = "refund"


_SIGN = {EntryKind.GRANT: 1, EntryKind.RESERVE: -1, EntryKind.CHARGE: 0, EntryKind.REFUND: 1}


class QuotaEntry(Value):
    """One line of the ledger; `amount` counts deployments and is never negative."""

    kind: EntryKind
    amount: int
    task_id: str | None = None


class Settlement(Value):
    """How a task's reservation was used: charged + refunded = reserved."""

    charged: int
    refunded: int


def get_cost(source: Source) -> int:
    """The quota for one deployment of a certificate of this source.

    An uploaded one costs 1; official and shared ones (same verified owner) cost nothing.
    """
    return 1 if source is Source.UPLOADED else 0


def compute_balance(entries: Iterable[QuotaEntry]) -> int:
    """The number of deployments that may still be reserved."""
    return sum(_SIGN[entry.kind] * entry.amount for entry in entries)


def check_reservation(amount: int, available: int) -> None:
    """Raises BadInput if `amount` exceeds what is available."""
    if amount > available:
        raise BadInput(
            f"the task needs {amount} deployments of quota, {available} are left",
            where="quota",
            code="quota-exceeded",
            fix=f"Grant at least {amount - available} more (certroll quota grant), "
            "or choose fewer resources.",
        )


def compute_settlement(reserved: int, applied: int) -> Settlement:
    """Charges each resource that was deployed and refunds the rest of the reservation."""
    if not 0 <= applied <= reserved:
        raise ValueError(f"{applied} deployed of {reserved} reserved")
    return Settlement(charged=applied, refunded=reserved - applied)
