"""One attempt at one change against the practice cloud: bound, verified, refused, recorded."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlmodel import delete
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deployment import DeploymentActivities
from domain.cause import Cause
from domain.certificates.validation import describe_certificate
from domain.preflight.rules import parse_chain
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus
from operations.deployment.outcome import FailedChange
from operations.tls.handshake import Endpoint, HandshakeResult, shake_hands
from operations.verification.observation import Prober
from storage.tables.core import ResourceRow
from tests.support.attempts import NAME, Attempt, attempt, build_order
from tests.support.factory import Authority
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.stored_examples import CAUSE

__all__ = ["attempt"]

STATUS = OutcomeStatus
DARK = "127.0.0.9:1"


def test_a_change_is_made_verified_and_rolled_back(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    assert attempt.stack.get_served(NAME) == attempt.new.fingerprint
    assert (attempt.outcome.status, attempt.outcome.applied) == (STATUS.DEPLOYED, True)
    attempt.deploy(Direction.ROLL_BACK)
    assert attempt.stack.get_served(NAME) == attempt.stack.fingerprints_before[NAME]
    assert attempt.outcome.status is STATUS.ROLLED_BACK


def test_a_plan_right_after_a_deployment_has_the_new_binding(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    again = attempt.stack.build_plan(attempt.new)
    assert (again.changes, again.unchanged) == ((), (f"{ACCOUNT}/{SERVICE}/{NAME}",))
    newer = attempt.stack.upload("newer", NAME)
    (change,) = attempt.stack.build_plan(newer).changes
    assert change.before is not None
    assert change.before.fingerprint == attempt.new.fingerprint
    attempt.deploy(Direction.ROLL_BACK)
    (change,) = attempt.stack.build_plan(attempt.new).changes
    assert change.before is not None
    assert change.before.fingerprint == attempt.stack.fingerprints_before[NAME]


def test_a_plan_right_after_a_failure_reads_the_resource_again(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.stack.cloud.add_fault("unserved")
    failure = attempt.fail_deploy()
    cause = Cause(code=str(failure.type), message=failure.message)
    failed = FailedChange(order=build_order(), cause=cause)
    ActivityEnvironment().run(attempt.activities.record_failure, failed)
    assert attempt.stack.build_plan(attempt.new).changes == ()


def test_a_resource_that_is_not_in_the_inventory_any_more_is_deployed(attempt: Attempt) -> None:
    attempt.install()
    with attempt.stack.store.database.write() as session:
        session.exec(delete(ResourceRow))
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED


def test_installing_twice_uploads_once(attempt: Attempt) -> None:
    attempt.install()
    attempt.install()
    held = attempt.stack.cloud.list_certificates(fingerprint=attempt.new.fingerprint)
    assert len(held) == 1


def test_a_certificate_that_could_not_be_installed_before_is_installed_by_deploy(
    attempt: Attempt,
) -> None:
    attempt.deploy()
    assert attempt.stack.get_served(NAME) == attempt.new.fingerprint
    assert attempt.stack.cloud.list_certificates(fingerprint=attempt.new.fingerprint)


def test_a_certificate_that_its_store_refuses_cannot_be_bound(attempt: Attempt) -> None:
    attempt.stack.cloud.add_fault(
        "error", "UploadUserCertificate", code="Forbidden.RAM", status=403
    )
    failure = attempt.fail_deploy()
    assert (failure.type, failure.non_retryable) == ("Forbidden.RAM", True)
    assert not attempt.outcome.applied
    assert attempt.stack.get_served(NAME) == attempt.stack.fingerprints_before[NAME]


def test_a_resource_that_someone_else_has_changed_is_left_alone(attempt: Attempt) -> None:
    attempt.install()
    theirs = attempt.stack.ca.leaf([NAME])
    attempt.stack.rebind(NAME, theirs)
    failure = attempt.fail_deploy()
    assert (failure.type, failure.non_retryable) == ("Drifted", True)
    assert not attempt.outcome.applied
    assert attempt.stack.get_served(NAME) == theirs.fingerprint


def test_a_refused_first_call_leaves_nothing_to_roll_back(attempt: Attempt) -> None:
    attempt.install()
    attempt.stack.cloud.add_fault(
        "error", "SetCdnDomainSSLCertificate", code="Forbidden.RAM", status=403
    )
    failure = attempt.fail_deploy()
    assert (failure.type, failure.non_retryable) == ("Forbidden.RAM", True)
    assert not attempt.outcome.applied


def test_a_refusal_after_a_call_without_an_answer_may_have_something_to_roll_back(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.stack.cloud.add_fault("5xx", "SetCdnDomainSSLCertificate", count=1, status=503)
    assert not attempt.fail_deploy().non_retryable
    assert attempt.outcome.applied
    attempt.stack.cloud.add_fault(
        "error", "SetCdnDomainSSLCertificate", code="Forbidden.RAM", status=403
    )
    assert attempt.fail_deploy().non_retryable
    assert attempt.outcome.applied
    assert attempt.outcome.attempts == 2


def test_a_change_that_is_accepted_but_not_served_fails_and_can_be_rolled_back(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.stack.cloud.add_fault("unserved")
    failure = attempt.fail_deploy()
    assert failure.type == "NotServed"
    assert attempt.outcome.applied


def test_a_change_that_ended_is_not_started_again(attempt: Attempt) -> None:
    failed = FailedChange(order=build_order(), cause=CAUSE)
    ActivityEnvironment().run(attempt.activities.record_failure, failed)
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.FAILED, CAUSE)
    failure = attempt.fail_deploy()
    assert failure.type == "ValueError"
    assert attempt.outcome.attempts == 0


def test_the_failure_of_a_rollback_that_was_never_started_is_refused(attempt: Attempt) -> None:
    failed = FailedChange(order=build_order(Direction.ROLL_BACK), cause=CAUSE)
    with pytest.raises(ApplicationError) as caught:
        ActivityEnvironment().run(attempt.activities.record_failure, failed)
    assert caught.value.type == "ValueError"
    assert attempt.outcome.status is STATUS.PENDING


def get_cause_code(attempt: Attempt) -> str | None:
    return attempt.outcome.cause.code if attempt.outcome.cause else None


def test_the_handshakes_before_and_after_are_recorded_with_their_chain(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.deploy(Direction.ROLL_BACK)
    was, new = attempt.stack.fingerprints_before[NAME], attempt.new.fingerprint
    kept = [
        (each.direction, each.moment, each.expected, each.observed, each.verified)
        for each in attempt.evidence()
    ]
    assert kept == [
        (Direction.DEPLOY, "before", was, was, False),
        (Direction.DEPLOY, "after", new, new, True),
        (Direction.ROLL_BACK, "before", new, new, False),
        (Direction.ROLL_BACK, "after", was, was, True),
    ]
    after = attempt.evidence("after")[0]
    assert (after.address, after.server_name) == (attempt.stack.cloud.edge, NAME)
    assert after.chain[0] == new
    assert len(after.chain) == attempt.new.chain_pem.count("BEGIN CERTIFICATE") > 1


def test_a_leaf_without_its_intermediates_is_a_failure_of_its_own(attempt: Attempt) -> None:
    attempt.install()
    attempt.set_probe_addresses(attempt.stack.cloud.edge, propagation=0.5)
    attempt.stack.cloud.add_edge_fault("leaf_only", NAME)
    failure = attempt.fail_deploy()
    assert (failure.type, failure.non_retryable) == ("ChainIncomplete", True)
    missing = describe_certificate(parse_chain(attempt.new)[1])
    assert missing in failure.message
    (seen,) = attempt.evidence("after")
    assert (seen.observed, seen.verified) == (attempt.new.fingerprint, False)
    assert missing in (seen.problem or "")
    assert seen.chain == (attempt.new.fingerprint,)


def test_the_chain_of_another_authority_is_incomplete(attempt: Attempt) -> None:
    attempt.install()
    attempt.set_probe_addresses(attempt.stack.cloud.edge, propagation=0.5)
    stranger = Authority.root("another root").sub("stranger").pem.decode()
    attempt.stack.cloud.add_edge_fault("wrong_chain", NAME, chain=stranger)
    assert attempt.fail_deploy().type == "ChainIncomplete"
    (seen,) = attempt.evidence("after")
    assert len(seen.chain) > 1, "a chain was sent, but not that of the leaf"


def test_a_chain_that_is_completed_within_the_propagation_time_is_deployed(
    attempt: Attempt,
) -> None:
    attempt.install()
    cloud, seen = attempt.stack.cloud, []
    cloud.add_edge_fault("leaf_only", NAME)

    def healing(address: Endpoint) -> HandshakeResult:
        seen.append(shake_hands(address))
        if len(seen) == 3:
            cloud.clear_edge_faults()
        return seen[-1]

    attempt.activities = DeploymentActivities(
        attempt.stack.store, attempt.pool, attempt.heartbeater, Prober(healing)
    )
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert [len(each.sent_chain) > 1 for each in seen[1:]] == [False, False, True]


def test_an_address_that_still_serves_the_certificate_before_fails_and_is_named(
    attempt: Attempt,
) -> None:
    attempt.install()
    first = attempt.stack.cloud.edge
    second = attempt.stack.cloud.add_edge("127.0.0.2", frozen=True)
    attempt.set_probe_addresses(first, second, propagation=0.5)
    failure = attempt.fail_deploy()
    assert failure.type == "NotServed"
    former = attempt.stack.fingerprints_before[NAME] or ""
    for words in (f"{NAME} at {second}", former[:12], f"{NAME} at {first}"):
        assert words in failure.message
    assert {each.address: each.verified for each in attempt.evidence("after")} == {
        first: True,
        second: False,
    }


def test_all_addresses_are_observed_also_by_ipv6(attempt: Attempt) -> None:
    attempt.install()
    others = [attempt.stack.cloud.add_edge(host) for host in ("127.0.0.2", "::1")]
    attempt.set_probe_addresses(attempt.stack.cloud.edge, *others)
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert {each.address for each in attempt.evidence("after") if each.verified} == {
        attempt.stack.cloud.edge,
        *others,
    }


def test_an_address_without_a_route_is_recorded_and_does_not_fail_the_change(
    attempt: Attempt,
) -> None:
    attempt.install()
    dark = "[2001:db8::7]:443"

    def routed(address: Endpoint) -> HandshakeResult:
        if address.host_and_port == dark:
            return HandshakeResult(fingerprint=None, error="Network is unreachable", reached=False)
        return shake_hands(address)

    attempt.prober = Prober(routed)
    attempt.set_probe_addresses(attempt.stack.cloud.edge, dark)
    attempt.deploy()
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.DEPLOYED, None)
    (not_seen,) = [each for each in attempt.evidence("after") if not each.verified]
    assert (not_seen.address, not_seen.reached) == (dark, False)
    assert not_seen.problem == "Network is unreachable"


def test_a_change_without_a_reachable_address_is_unverified_and_so_is_its_rollback(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.set_probe_addresses(DARK, propagation=60)
    attempt.deploy()
    assert (attempt.outcome.status, get_cause_code(attempt)) == (STATUS.UNVERIFIED, "Unreachable")
    assert attempt.outcome.is_unverified
    cause = attempt.outcome.cause
    assert cause is not None
    assert f"{NAME} at {DARK}: Connection refused" in cause.message
    assert "--probe-address" in (cause.advice or "")
    assert attempt.stack.get_served(NAME) == attempt.new.fingerprint
    attempt.deploy()
    assert attempt.outcome.attempts == 1, "a repeated step finds that it has ended"
    attempt.deploy(Direction.ROLL_BACK)
    assert (attempt.outcome.status, get_cause_code(attempt)) == (STATUS.ROLLED_BACK, "Unreachable")
    assert attempt.outcome.is_unverified


def deploy_and_break(attempt: Attempt) -> ApplicationError:
    """An attempt after which no address answers any more."""
    cloud, seen = attempt.stack.cloud, []

    def breaking(address: Endpoint) -> HandshakeResult:
        seen.append(shake_hands(address))
        if len(seen) == 1:
            cloud.close_edge()
        return seen[-1]

    attempt.prober = Prober(breaking)
    attempt.set_probe_addresses(cloud.edge, propagation=0.5)
    return attempt.fail_deploy()


def test_an_address_that_does_not_answer_any_more_is_a_failure(attempt: Attempt) -> None:
    attempt.install()
    failure = deploy_and_break(attempt)
    assert (failure.type, failure.non_retryable) == ("NoLongerReachable", True)
    assert "Connection refused" in failure.message
    assert attempt.outcome.applied, "it may be rolled back"


def test_a_second_attempt_knows_which_addresses_answered_before_the_first(attempt: Attempt) -> None:
    attempt.install()
    deploy_and_break(attempt)
    assert attempt.fail_deploy().type == "NoLongerReachable"
    assert attempt.outcome.attempts == 2
    assert len(attempt.evidence("before")) == 1


def test_a_rollback_fails_if_no_address_answers_any_more(attempt: Attempt) -> None:
    attempt.install()
    deploy_and_break(attempt)
    attempt.activities.record_failure(FailedChange(order=build_order(), cause=CAUSE))
    assert attempt.fail_deploy(Direction.ROLL_BACK).type == "NoLongerReachable"


@pytest.fixture
def listener(stack: Stack) -> Iterator[Attempt]:
    """The default slot of a listener, whose edge also serves clients that ask for no name."""
    attempt = Attempt(stack, "alibaba.alb")
    attempt.install()
    yield attempt
    attempt.heartbeater.stop()


def test_the_default_certificate_of_a_listener_is_also_observed_without_a_name(
    listener: Attempt,
) -> None:
    listener.set_probe_addresses(listener.stack.cloud.add_edge("127.0.0.2", default=NAME))
    listener.deploy()
    assert listener.outcome.status is STATUS.DEPLOYED
    assert {each.server_name: each.verified for each in listener.evidence("after")} == {
        NAME: True,
        None: True,
    }


def test_a_default_certificate_that_stays_the_one_before_without_a_name_fails(
    listener: Attempt,
) -> None:
    cloud = listener.stack.cloud
    by_name, nameless = cloud.edge, cloud.add_edge("127.0.0.2", default=NAME, frozen=True)

    def split(address: Endpoint) -> HandshakeResult:
        host, _, port = (by_name if address.server_name else nameless).rpartition(":")
        return shake_hands(address.model_copy(update={"host": host, "port": int(port)}))

    listener.prober = Prober(split)
    listener.set_probe_addresses(by_name, propagation=0.5)
    failure = listener.fail_deploy()
    assert failure.type == "NotServed"
    assert "no name at" in failure.message


def test_an_edge_that_never_showed_a_certificate_without_a_name_fails_nothing(
    listener: Attempt,
) -> None:
    listener.deploy()
    assert listener.outcome.status is STATUS.DEPLOYED
    (aside,) = [each for each in listener.evidence("after") if each.server_name is None]
    assert (aside.observed, aside.verified) == (None, False)


def test_a_failure_that_comes_after_the_success_changes_nothing(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    failed = FailedChange(order=build_order(), cause=CAUSE)
    ActivityEnvironment().run(attempt.activities.record_failure, failed)
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.DEPLOYED, None)


def test_an_attempt_that_another_one_has_overtaken_changes_nothing(attempt: Attempt) -> None:
    attempt.install()
    outcomes = attempt.stack.store.tasks.outcomes

    def overtake(address: Endpoint) -> HandshakeResult:
        outcomes.begin_attempt("t1", 0, STATUS.DEPLOYING, datetime.now(UTC))
        return shake_hands(address)

    attempt.prober = Prober(overtake)
    attempt.set_probe_addresses(attempt.stack.cloud.edge)
    failure = attempt.fail_deploy()
    assert (failure.type, failure.non_retryable) == ("Superseded", False)
    assert not attempt.outcome.applied
    assert attempt.stack.get_served(NAME) == attempt.stack.fingerprints_before[NAME]


def test_a_certificate_that_another_change_has_just_installed_is_not_uploaded_again(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt.install()
    installations = attempt.stack.store.installations
    answers, get = [None], installations.get

    def get_late(*key: str) -> object:
        return answers.pop() if answers else get(*key)

    monkeypatch.setattr(installations, "get", get_late)
    uploads = attempt.stack.cloud.count_calls().get("cas.UploadUserCertificate")
    attempt.deploy()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert attempt.stack.cloud.count_calls().get("cas.UploadUserCertificate") == uploads
