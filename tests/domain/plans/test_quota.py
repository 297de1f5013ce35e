"""Quota: what a change costs, and a ledger that never goes below zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.certificate import Source
from domain.errors import BadInput
from domain.plans.quota import Entry, EntryKind, balance, check_reservation, cost, settle

amounts = st.integers(0, 50)


@pytest.mark.parametrize(
    ("source", "expected"), [(Source.UPLOADED, 1), (Source.OFFICIAL, 0), (Source.SHARED, 0)]
)
def test_only_uploaded_certificates_cost_a_deployment(source: Source, expected: int) -> None:
    assert cost(source) == expected


def test_every_source_has_a_cost() -> None:
    assert all(cost(source) in (0, 1) for source in Source)


def test_an_empty_ledger_has_nothing_to_spend() -> None:
    assert balance([]) == 0


@given(st.data())
def test_the_balance_is_never_negative_and_reservations_are_charged_or_refunded(
    data: st.DataObject,
) -> None:
    ledger: list[Entry] = []
    granted = charged = 0
    for task in range(data.draw(st.integers(0, 8), "tasks")):
        grant = data.draw(amounts, "granted")
        granted += grant
        ledger.append(Entry(kind=EntryKind.GRANT, amount=grant))
        amount = data.draw(amounts, "needed")
        available = balance(ledger)
        try:
            check_reservation(amount, available)
        except BadInput:
            assert amount > available
            continue
        ledger.append(Entry(kind=EntryKind.RESERVE, amount=amount, task_id=str(task)))
        assert balance(ledger) == available - amount >= 0
        settlement = settle(amount, data.draw(st.integers(0, amount), "deployed"))
        assert settlement.charged + settlement.refunded == amount
        charged += settlement.charged
        ledger.append(Entry(kind=EntryKind.CHARGE, amount=settlement.charged))
        ledger.append(Entry(kind=EntryKind.REFUND, amount=settlement.refunded))
        assert balance(ledger) == granted - charged >= 0


def test_a_reservation_that_is_too_large_says_how_much_is_missing() -> None:
    check_reservation(3, 3)
    with pytest.raises(BadInput, match=r"needs 5 deployments.*3 are left.*at least 2 more"):
        check_reservation(5, 3)


@pytest.mark.parametrize(("reserved", "deployed"), [(3, 4), (3, -1), (0, 1)])
def test_more_than_was_reserved_cannot_have_been_deployed(reserved: int, deployed: int) -> None:
    with pytest.raises(ValueError, match=f"{deployed} deployed of {reserved}"):
        settle(reserved, deployed)
