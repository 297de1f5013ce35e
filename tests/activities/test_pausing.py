"""Waiting inside an activity."""

import time

import pytest
from temporalio.testing import ActivityEnvironment

from activities.pausing import pause
from domain.errors import Transient


def test_a_pause_waits_only_inside_an_activity() -> None:
    began = time.monotonic()
    pause(60)
    ActivityEnvironment().run(pause, 0.05)
    assert 0.05 <= time.monotonic() - began < 10


def test_a_worker_that_shuts_down_ends_the_pause_at_once() -> None:
    environment = ActivityEnvironment()
    environment.worker_shutdown()
    with pytest.raises(Transient) as caught:
        environment.run(pause, 60)
    assert caught.value.code == "WorkerShutdown"
