"""Another worker takes up any step of a killed worker within seconds."""

import pytest

from workflows import policies

SOON = 15.0


@pytest.mark.parametrize("name", ["ALL_ROWS", "CHANGE", "INSTALL", "CLEAN_UP", "SYNC_SERVICE"])
def test_a_step_that_may_take_minutes_heartbeats_so_that_a_killed_worker_is_noticed_soon(
    name: str,
) -> None:
    patience = getattr(policies, name)
    assert patience["heartbeat_timeout"].total_seconds() < SOON


def test_every_other_step_is_retried_soon() -> None:
    for name, patience in vars(policies).items():
        if isinstance(patience, dict) and "start_to_close_timeout" in patience:
            beats = "heartbeat_timeout" in patience
            assert beats or patience["start_to_close_timeout"].total_seconds() <= 2 * SOON, name
