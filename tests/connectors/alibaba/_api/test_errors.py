"""What each of the cloud's codes means for the caller."""

import pytest

from connectors.alibaba._api import errors
from connectors.alibaba._api.errors import ErrorAnswer, ErrorRule, build_error, is_credential_error
from domain.errors import CloudError, NeedsOperator, Permanent, Transient


def judged(code: str, status: int = 400, **body: object) -> CloudError:
    answer = ErrorAnswer(status, {"Code": code, "Message": "why", "RequestId": "R-1", **body}, 2500)
    return build_error(answer, "cdn:Do", (ErrorRule("Odd.One", Transient),))


@pytest.mark.parametrize(
    "code",
    [
        *("Throttling", "Throttling.User", "Throttling.Api", "Rejected.Throttling"),
        *("ServiceUnavailable", "InternalError", "SystemBusy", "OperationBusy", "ServiceBusy"),
        *("IdempotenceProcessing", "SignatureNonceUsed", "Odd.One"),
    ],
)
def test_these_are_tried_again_when_the_cloud_says(code: str) -> None:
    error = judged(code)
    assert type(error) is Transient
    assert error.retry_after == 2.5


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("Forbidden.RAM", errors.GRANT),
        ("NoPermission", errors.GRANT),
        ("Forbidden.RiskControl", errors.RISK),
        ("Forbidden.UserVerification", errors.OWNER),
        ("InvalidAccessKeyId.NotFound", errors.KEY_ID),
        ("InvalidAccessKeyId.Inactive", errors.KEY_ID),
        ("SignatureDoesNotMatch", errors.ACCESS_KEY_ADVICE),
        ("IllegalTimestamp", errors.CLOCK),
        ("InvalidTimeStamp.Expired", errors.CLOCK),
        ("QuotaExceeded.Certificate", errors.QUOTA),
        ("Account.Arrearage", errors.PAY),
        ("ServiceNotActivated", errors.OPEN),
    ],
)
def test_these_need_a_person_who_gets_advice(code: str, advice: str) -> None:
    error = judged(code, 403)
    assert type(error) is NeedsOperator
    assert error.advice == advice.format(permission="cdn:Do")
    assert error.retry_after is None


@pytest.mark.parametrize("code", ["MissingParameter", "InvalidParameter.X", "NoSuchVersion", "X"])
def test_all_else_is_final(code: str) -> None:
    assert type(judged(code)) is Permanent


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, Transient), (503, Transient), (429, Transient), (403, NeedsOperator), (404, Permanent)],
)
def test_an_unknown_code_is_judged_by_the_status(status: int, kind: type[CloudError]) -> None:
    assert type(judged("Never.Seen", status)) is kind


def test_the_cloud_may_name_the_permission_itself() -> None:
    denied = {"AuthAction": "yundun-cert:Other", "PolicyType": "AccountLevelIdentityBasedPolicy"}
    error = judged("NoPermission", 403, AccessDeniedDetail=denied)
    assert error.advice == errors.GRANT.format(permission="yundun-cert:Other")


def test_fields_in_lower_case_are_read_too() -> None:
    answer = ErrorAnswer(400, {"code": "Throttling", "message": "slow", "requestId": "R"})
    error = build_error(answer, "fc:Do")
    assert (type(error), error.request_id) == (Transient, "R")


def test_an_answer_without_a_code_is_named_by_its_status() -> None:
    assert build_error(ErrorAnswer(502, {}), "cdn:Do").code == "HTTP502"


def test_some_errors_are_about_the_account_as_a_whole() -> None:
    assert is_credential_error(judged("InvalidAccessKeyId.NotFound", 404))
    assert not is_credential_error(judged("NoPermission", 403))
