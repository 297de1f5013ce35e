"""What counts as deployed: real handshakes at every address, and what is kept of them."""

from collections.abc import Iterator

import pytest
from temporalio.exceptions import ApplicationError

from activities.deployment import Deployment
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus
from operations.deployment.outcome import FailedChange
from operations.tls.handshake import Endpoint, Seen, look
from operations.verification.observation import Eyes
from tests.activities.attempts import NAME, Attempt, attempt, order
from tests.storage.examples import CAUSE
from tests.support.factory import Authority
from tests.support.house import House

__all__ = ["attempt"]

STATUS = OutcomeStatus
DARK = "127.0.0.9:1"


def code(attempt: Attempt) -> str | None:
    return attempt.outcome.cause.code if attempt.outcome.cause else None


def test_what_was_served_before_and_after_is_kept_with_its_chain(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.deploy(Direction.ROLL_BACK)
    was, new = attempt.house.former[NAME], attempt.new.fingerprint
    kept = [
        (each.direction, each.moment, each.wanted, each.seen, each.verified)
        for each in attempt.evidence()
    ]
    assert kept == [
        (Direction.DEPLOY, "before", was, was, False),
        (Direction.DEPLOY, "after", new, new, True),
        (Direction.ROLL_BACK, "before", new, new, False),
        (Direction.ROLL_BACK, "after", was, was, True),
    ]
    after = attempt.evidence("after")[0]
    assert (after.address, after.server_name) == (attempt.house.cloud.edge, NAME)
    assert after.chain[0] == new
    assert len(after.chain) == attempt.new.chain_pem.count("BEGIN CERTIFICATE") > 1


def test_a_leaf_without_its_intermediates_is_a_failure_of_its_own(attempt: Attempt) -> None:
    attempt.install()
    attempt.look_from(attempt.house.cloud.edge, propagation=0.5)
    attempt.house.cloud.edge_fault("leaf_only", NAME)
    failure = attempt.refused()
    assert (failure.type, failure.non_retryable) == ("ChainIncomplete", True)
    assert "sends 1 certificate without the intermediate" in failure.message
    (seen,) = attempt.evidence("after")
    assert (seen.seen, seen.verified) == (attempt.new.fingerprint, False)
    assert seen.problem is not None
    assert "without the intermediate" in seen.problem


def test_the_chain_of_another_authority_is_no_chain(attempt: Attempt) -> None:
    attempt.install()
    attempt.look_from(attempt.house.cloud.edge, propagation=0.5)
    stranger = Authority.root("another root").sub("stranger").pem.decode()
    attempt.house.cloud.edge_fault("wrong_chain", NAME, chain=stranger)
    assert attempt.refused().type == "ChainIncomplete"


def test_a_chain_that_is_completed_within_the_propagation_time_is_deployed(
    attempt: Attempt,
) -> None:
    attempt.install()
    cloud, seen = attempt.house.cloud, []
    cloud.edge_fault("leaf_only", NAME)

    def healing(address: Endpoint) -> Seen:
        seen.append(look(address))
        if len(seen) == 3:
            cloud.clear_edge_faults()
        return seen[-1]

    attempt.steps = Deployment(attempt.house.store, attempt.clouds, attempt.heart, Eyes(healing))
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert [len(each.sent) > 1 for each in seen[1:]] == [False, False, True]


def test_an_address_that_goes_on_serving_the_former_fails_and_is_named(attempt: Attempt) -> None:
    attempt.install()
    first = attempt.house.cloud.edge
    second = attempt.house.cloud.add_edge("127.0.0.2", frozen=True)
    attempt.look_from(first, second, propagation=0.5)
    failure = attempt.refused()
    assert failure.type == "NotServed"
    former = attempt.house.former[NAME] or ""
    assert f"{NAME} at {second} still serves {former[:12]}" in failure.message
    assert f"{NAME} at {first} serves the new one" in failure.message
    assert {each.address: each.verified for each in attempt.evidence("after")} == {
        first: True,
        second: False,
    }


def test_all_addresses_are_looked_at_also_by_ipv6(attempt: Attempt) -> None:
    attempt.install()
    others = [attempt.house.cloud.add_edge(host) for host in ("127.0.0.2", "::1")]
    attempt.look_from(attempt.house.cloud.edge, *others)
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert {each.address for each in attempt.evidence("after") if each.verified} == {
        attempt.house.cloud.edge,
        *others,
    }


def test_an_address_without_a_route_is_told_and_does_not_fail_the_change(attempt: Attempt) -> None:
    attempt.install()
    dark = "[2001:db8::7]:443"

    def routed(address: Endpoint) -> Seen:
        if address.place == dark:
            return Seen(fingerprint=None, error="Network is unreachable", reached=False)
        return look(address)

    attempt.eyes = Eyes(routed)
    attempt.look_from(attempt.house.cloud.edge, dark)
    attempt.deploy()
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.DEPLOYED, None)
    (not_seen,) = [each for each in attempt.evidence("after") if not each.verified]
    assert (not_seen.address, not_seen.reached) == (dark, False)
    assert not_seen.problem == "Network is unreachable"


def test_what_nobody_can_reach_is_unverified_there_and_told_on_the_way_back(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.look_from(DARK, propagation=60)
    attempt.deploy()
    assert (attempt.outcome.status, code(attempt)) == (STATUS.UNVERIFIED, "Unreachable")
    assert attempt.outcome.unverified
    cause = attempt.outcome.cause
    assert cause is not None
    assert f"{NAME} at {DARK}: Connection refused" in cause.message
    assert "--probe-address" in (cause.advice or "")
    assert attempt.house.served(NAME) == attempt.new.fingerprint
    attempt.deploy()
    assert attempt.outcome.attempts == 1, "a repeated step finds that it has ended"
    attempt.deploy(Direction.ROLL_BACK)
    assert (attempt.outcome.status, code(attempt)) == (STATUS.ROLLED_BACK, "Unreachable")
    assert attempt.outcome.unverified


def broken_by_the_change(attempt: Attempt) -> ApplicationError:
    """An attempt at whose end nothing answers any more."""
    cloud, seen = attempt.house.cloud, []

    def breaking(address: Endpoint) -> Seen:
        seen.append(look(address))
        if len(seen) == 1:
            cloud.close_edge()
        return seen[-1]

    attempt.eyes = Eyes(breaking)
    attempt.look_from(cloud.edge, propagation=0.5)
    return attempt.refused()


def test_what_answered_before_and_does_not_any_more_is_a_failure(attempt: Attempt) -> None:
    attempt.install()
    failure = broken_by_the_change(attempt)
    assert (failure.type, failure.non_retryable) == ("NoLongerReachable", True)
    assert "Connection refused" in failure.message
    assert attempt.outcome.applied, "it may be taken back"


def test_a_second_attempt_remembers_what_answered_before_the_first(attempt: Attempt) -> None:
    attempt.install()
    broken_by_the_change(attempt)
    assert attempt.refused().type == "NoLongerReachable"
    assert attempt.outcome.attempts == 2
    assert len(attempt.evidence("before")) == 1


def test_the_way_back_is_not_well_where_nothing_answers_any_more(attempt: Attempt) -> None:
    attempt.install()
    broken_by_the_change(attempt)
    attempt.steps.record_failure(FailedChange(order=order(), cause=CAUSE))
    assert attempt.refused(Direction.ROLL_BACK).type == "NoLongerReachable"


@pytest.fixture
def listener(house: House) -> Iterator[Attempt]:
    """The default slot of a listener, whose edge also serves clients that ask for no name."""
    attempt = Attempt(house, "alibaba.alb")
    attempt.install()
    yield attempt
    attempt.heart.stop()


def test_a_listeners_default_is_looked_at_without_a_name_as_well(listener: Attempt) -> None:
    listener.look_from(listener.house.cloud.add_edge("127.0.0.2", default=NAME))
    listener.deploy()
    assert listener.outcome.status is STATUS.DEPLOYED
    assert {each.server_name: each.verified for each in listener.evidence("after")} == {
        NAME: True,
        None: True,
    }


def test_a_default_that_stays_the_former_one_without_a_name_fails(listener: Attempt) -> None:
    cloud = listener.house.cloud
    by_name, nameless = cloud.edge, cloud.add_edge("127.0.0.2", default=NAME, frozen=True)

    def split(address: Endpoint) -> Seen:
        host, _, port = (by_name if address.server_name else nameless).rpartition(":")
        return look(address.model_copy(update={"host": host, "port": int(port)}))

    listener.eyes = Eyes(split)
    listener.look_from(by_name, propagation=0.5)
    failure = listener.refused()
    assert failure.type == "NotServed"
    assert "no name at" in failure.message


def test_an_edge_that_shows_nothing_without_a_name_never_did_and_fails_nothing(
    listener: Attempt,
) -> None:
    listener.deploy()
    assert listener.outcome.status is STATUS.DEPLOYED
    (aside,) = [each for each in listener.evidence("after") if each.server_name is None]
    assert (aside.seen, aside.verified) == (None, False)
