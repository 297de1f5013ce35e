"""The shared clock passes evenly, and no worker's time of day moves it."""

import time

import pytest
from sqlalchemy import select

from storage.coordination.clock import read_shared_clock
from storage.store import Store


def read(store: Store) -> float:
    with store.database.statements() as connection:
        return float(connection.execute(select(read_shared_clock(connection))).scalar_one())


def test_it_passes_as_time_does(store: Store) -> None:
    before, began = time.monotonic(), read(store)
    time.sleep(0.05)
    passed, elapsed = read(store) - began, time.monotonic() - before
    assert 0.049 < passed < elapsed + 0.001


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_workers_time_of_day_does_not_move_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    began, wrong = read(store), time.time() + hours * 3600
    monkeypatch.setattr(time, "time", lambda: wrong)
    assert abs(read(store) - began) < 60


def test_within_one_transaction_it_goes_on(store: Store) -> None:
    with store.database.one_transaction():
        began = read(store)
        time.sleep(0.02)
        assert read(store) > began
