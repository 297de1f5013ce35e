"""Refused changes: invalid certificates, and rollbacks that are impossible."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from domain.errors import Permanent
from domain.resources.resource import Binding, CertificateRef
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus
from operations.deployment.guards import (
    refuse_expired,
    refuse_expired_former,
    refuse_irreversible,
    require_installed,
)
from tests.support.attempts import NAME, Attempt, attempt, build_order
from tests.support.stored_examples import NEW, NOW, build_certificate, build_change

__all__ = ["attempt"]


@pytest.mark.parametrize("days", [-2, 91])
def test_a_certificate_that_is_not_valid_now_is_not_deployed(days: int) -> None:
    with pytest.raises(Permanent) as caught:
        refuse_expired(build_certificate(), NOW + timedelta(days=days))
    assert caught.value.code == "NotValidNow"


def test_a_certificate_is_valid_from_its_first_moment_to_just_before_its_last() -> None:
    ours = build_certificate()
    refuse_expired(ours, ours.not_before)
    refuse_expired(ours, ours.not_after - timedelta(microseconds=1))
    with pytest.raises(Permanent):
        refuse_expired(ours, ours.not_after)


def test_a_certificate_must_be_in_its_store() -> None:
    ref = CertificateRef(store="alibaba.cas/cn", fields={"cert_id": "7"})
    installed = Binding(fingerprint=NEW, ref=ref)
    assert require_installed(None, "alibaba.cas/cn") is None
    assert require_installed(installed, "alibaba.cas/cn") == installed
    with pytest.raises(Permanent) as caught:
        require_installed(Binding(fingerprint=NEW), "alibaba.cas/cn")
    assert caught.value.code == "NotInstalled"
    assert "alibaba.cas/cn" in caught.value.message


def test_a_rollback_that_the_plan_ruled_out_is_refused_with_its_reason() -> None:
    refuse_irreversible(build_change())
    with pytest.raises(Permanent) as caught:
        refuse_irreversible(build_change().model_copy(update={"not_reversible": "nobody kept it"}))
    assert (caught.value.code, caught.value.message) == ("NotReversible", "nobody kept it")


def test_a_rollback_to_an_expired_certificate_is_refused_from_its_last_moment_on() -> None:
    original = build_change(1)
    assert original.before is not None
    until = NOW + timedelta(days=3)
    former = original.model_copy(
        update={"before": original.before.model_copy(update={"not_after": until})}
    )
    refuse_expired_former(former, until - timedelta(microseconds=1))
    refuse_expired_former(original.model_copy(update={"before": None}), until)
    with pytest.raises(Permanent) as caught:
        refuse_expired_former(former, until)
    assert caught.value.code == "FormerExpired"
    assert "--force" in str(caught.value)


def test_a_rollback_to_an_expired_certificate_needs_force(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.stack.expire_certificates_before("t1")
    assert attempt.fail_deploy(Direction.ROLL_BACK).type == "FormerExpired"
    stack = attempt.stack
    assert stack.get_served(NAME) == attempt.new.fingerprint
    forced = build_order(Direction.ROLL_BACK).model_copy(update={"force": True})
    ActivityEnvironment().run(attempt.activities.deploy, forced)
    assert stack.get_served(NAME) == stack.fingerprints_before[NAME]
    assert attempt.outcome.status is OutcomeStatus.ROLLED_BACK
