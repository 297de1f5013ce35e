"""Quota: what a change costs, and a ledger that never goes below zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.certificate import Source
from domain.errors import BadInput
from domain.plans.quota import (
    EntryKind,
    QuotaEntry,
    check_reservation,
    compute_balance,
    compute_settlement,
    get_cost,
)
from tests.support.refusals import has_code

amounts = st.integers(0, 50)


@pytest.mark.parametrize(
    ("source", "expected"), [(Source.UPLOADED, 1), (Source.OFFICIAL, 0), (Source.SHARED, 0)]
)
def test_only_uploaded_certificates_cost_a_deployment(source: Source, expected: int) -> None:
    assert get_cost(source) == expected


def test_every_source_has_a_cost() -> None:
    assert all(get_cost(source) in (0, 1) for source in Source)


def test_an_empty_ledger_has_nothing_to_spend() -> None:
    assert compute_balance([]) == 0


@given(st.data())
def test_the_balance_is_never_negative_and_reservations_are_charged_or_refunded(
    data: st.DataObject,
) -> None:
    ledger: list[QuotaEntry] = []
    granted = charged = 0
    for task in range(data.draw(st.integers(0, 8), "tasks")):
        grant = data.draw(amounts, "granted")
        granted += grant
        ledger.append(QuotaEntry(kind=EntryKind.GRANT, amount=grant))
        amount = data.draw(amounts, "needed")
        available = compute_balance(ledger)
        try:
            check_reservation(amount, available)
        except BadInput:
            assert amount > available
            continue
        ledger.append(QuotaEntry(kind=EntryKind.RESERVE, amount=amount, task_id=str(task)))
        assert compute_balance(ledger) == available - amount >= 0
        settlement = compute_settlement(amount, data.draw(st.integers(0, amount), "deployed"))
        assert settlement.charged + settlement.refunded == amount
        charged += settlement.charged
        ledger.append(QuotaEntry(kind=EntryKind.CHARGE, amount=settlement.charged))
        ledger.append(QuotaEntry(kind=EntryKind.REFUND, amount=settlement.refunded))
        assert compute_balance(ledger) == granted - charged >= 0


def test_a_reservation_that_is_too_large_says_how_much_is_missing() -> None:
    check_reservation(3, 3)
    with pytest.raises(BadInput, check=has_code("quota-exceeded", "5", "3", "2", where="quota")):
        check_reservation(5, 3)


@pytest.mark.parametrize(("reserved", "deployed"), [(3, 4), (3, -1), (0, 1)])
def test_more_than_was_reserved_cannot_have_been_deployed(reserved: int, deployed: int) -> None:
    with pytest.raises(ValueError, match=f"{deployed} deployed of {reserved}"):
        compute_settlement(reserved, deployed)
