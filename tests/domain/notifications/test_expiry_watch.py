"""When an expiry is near, by the life of the certificate, and that each step is told once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notifications.expiry_watch import Nearness, nearness
from tests.storage.examples import NOW

N = Nearness
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("life", "days", "expected"),
    [
        (None, 30.1, None),
        (None, 30, N.MONTH),
        (398, 100, None),
        (398, 30, N.MONTH),
        (90, 30, N.MONTH),
        (90, 31, None),
        (47, 16, None),
        (47, 15, N.MONTH),
        (47, 7, N.WEEK),
        (47, 2, N.DAYS),
        (10, 3.4, None),
        (10, 3, N.WEEK),
        (6, 2.1, None),
        (6, 2, N.DAYS),
        (1, 0.5, None),
        (1, 0.3, N.DAYS),
        (90, 0, N.EXPIRED),
        (None, -400, N.EXPIRED),
    ],
)
def test_how_near_it_is(life: float | None, days: float, expected: Nearness | None) -> None:
    lasts = None if life is None else life * DAY
    assert nearness(NOW + days * DAY, lasts, NOW) is expected


@given(st.none() | st.integers(1, 400).map(lambda days: days * DAY), st.integers(1, 48))
def test_looking_often_tells_each_step_once_and_never_a_former_one(
    life: timedelta | None, hours: int
) -> None:
    begins = -(life or 60 * DAY)
    looks = range(int(begins / timedelta(hours=1)), 49, hours)
    seen = [nearness(NOW, life, NOW + timedelta(hours=hour)) for hour in looks]
    order = [None, *Nearness]
    places = [order.index(each) for each in seen]
    assert places == sorted(places)
    assert seen[-1] is N.EXPIRED
    assert len(set(seen) - {None}) <= 4
