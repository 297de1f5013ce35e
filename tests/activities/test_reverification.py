"""Activities that verify again what was deployed."""

from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.reverification import ReverificationActivities, ReverificationRequest
from operations.verification.reverification import ReverificationCounts, VerificationCounts
from tests.support.attempts import Attempt, attempt

__all__ = ["attempt"]


def test_a_deployed_change_is_verified_again_by_its_task_and_by_the_daily_run(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.deploy()
    activities = ReverificationActivities(
        attempt.stack.store, attempt.pool, attempt.heartbeater, attempt.prober
    )
    environment, at = ActivityEnvironment(), datetime.now(UTC)
    request = ReverificationRequest(task_id="t1", at=at)
    assert environment.run(activities.verify_again, request) == ReverificationCounts(deployed=1)
    assert environment.run(activities.verify_all_deployments, at) == VerificationCounts(verified=1)
