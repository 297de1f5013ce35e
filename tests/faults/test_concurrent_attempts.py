"""Tests concurrent attempts on one resource: outcomes say what is served."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus, TaskStatus
from tests.support.attempts import NAME, Attempt
from tests.support.stack import Stack

pytestmark = pytest.mark.faults

SET, READ = "SetCdnDomainSSLCertificate", "DescribeDomainCertificateInfo"
DOMAINS = [f"n{number}.example.com" for number in range(6)]
SLOW = 1.5  # seconds


@pytest.fixture
def attempt(stack: Stack) -> Iterator[Attempt]:
    attempt = Attempt(stack)
    yield attempt
    attempt.heartbeater.stop()


async def test_of_two_concurrent_tasks_one_changes_a_resource_and_the_other_reports_drift(
    stack: Stack, engine: Client
) -> None:
    """Both plans are built before either task changes anything, and one call takes long."""
    stack.seed_domains(*DOMAINS)
    stack.grant_quota(2 * len(DOMAINS))
    new = [stack.upload(f"by operator {number}", "*.example.com") for number in range(2)]
    plans = [stack.build_plan(each) for each in new]
    slow = stack.cloud.add_fault("hang", SET, per_resource=1, seconds=SLOW)
    async with stack.run_worker(engine):
        pair = [await stack.create_task(engine, plan, name=plan.digest[:8]) for plan in plans]
        ended = await asyncio.gather(*(stack.wait_ended(task) for task in pair))
    assert stack.cloud.count_hits(slow) == len(DOMAINS)
    both = [stack.list_outcomes(task) for task in ended]
    for name in DOMAINS:
        statuses = Counter(each[name].status for each in both)
        assert statuses == {OutcomeStatus.DEPLOYED: 1, OutcomeStatus.FAILED: 1}, name
        (winner,) = (
            certificate.fingerprint
            for certificate, each in zip(new, both, strict=True)
            if each[name].status is OutcomeStatus.DEPLOYED
        )
        assert stack.get_served(name) == winner, "the certificate whose task reports it as deployed"
        (loser,) = (each[name] for each in both if each[name].status is OutcomeStatus.FAILED)
        assert (loser.cause and loser.cause.code, loser.applied) == ("Drifted", False)
    assert {task.status for task in ended} <= {
        TaskStatus.SUCCEEDED,
        TaskStatus.PARTIALLY_FAILED,
        TaskStatus.FAILED,
    }
    assert stack.store.quota.get_balance() == len(DOMAINS)


def test_a_late_attempt_does_not_undo_the_rollback_after_it(
    attempt: Attempt,
) -> None:
    """A worker that was frozen continues its attempt, and has to find that it is superseded."""
    attempt.install()
    errors: list[BaseException] = []
    frozen = attempt.stack.cloud.add_fault("hang", READ, count=1, seconds=SLOW)

    def deploy_late() -> None:
        try:
            attempt.deploy()
        except ApplicationError as error:
            errors.append(error)

    thread = threading.Thread(target=deploy_late)
    thread.start()
    while attempt.stack.cloud.count_hits(frozen) == 0:
        time.sleep(0.01)
    attempt.deploy()
    attempt.deploy(Direction.ROLL_BACK)
    thread.join()
    assert attempt.stack.get_served(NAME) == attempt.stack.fingerprints_before[NAME]
    assert attempt.outcome.status is OutcomeStatus.ROLLED_BACK
    (error,) = errors
    assert isinstance(error, ApplicationError)
    assert error.type == "Superseded"
