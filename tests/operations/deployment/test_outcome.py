"""The causes with which changes end."""

from domain.cause import Cause
from operations.deployment.outcome import build_success_cause
from tests.support.stored_examples import CAUSE


def test_the_cause_of_an_automatic_rollback_has_its_reason_and_whether_it_was_verified() -> None:
    unverified = Cause(code="Unreachable", message="no address answers", unverified=True)
    assert build_success_cause(None, None) is None
    assert build_success_cause(None, unverified) == unverified
    for why in (CAUSE, unverified):
        verified, unknown = build_success_cause(why, None), build_success_cause(why, unverified)
        assert verified is not None
        assert unknown is not None
        assert (verified.code, verified.rolled_back, verified.unverified) == (why.code, True, False)
        assert (unknown.code, unknown.unverified) == (why.code, True)
        assert "no address answers" in unknown.message
