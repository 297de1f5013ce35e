"""Classifies the cloud's error codes: try again, ask a person, or give up.

The clients call it for every refused call.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from connectors.alibaba._api.redact import redact
from domain.errors import CloudError, NeedsOperator, Permanent, Transient


class ErrorRule(NamedTuple):
    """The error for codes that match a shell pattern.

    `advice` may hold {permission}, the RAM action of the call.
    """

    pattern: str
    error: type[CloudError]
    advice: str | None = None


GRANT = "Grant {permission} to the RAM user of this account."
CLOCK = "Set this machine's clock: the cloud takes at most 15 minutes of difference."
KEY_ID = "Check the access key: it does not exist, is disabled, or belongs to the other site."
PAY = "Settle the cloud account's bill, then try again."
OPEN = "Activate the service in the cloud's console, then try again."
ACCESS_KEY_ADVICE = "Check the access key's secret."
RISK = "The cloud blocked it as a risk: ask its support."
OWNER = "Verify the account's owner at the cloud."
QUOTA = "Raise the quota at the cloud, or delete what is no longer used."

# The first match decides. A code without a match is classified by its HTTP status.
COMMON: tuple[ErrorRule, ...] = (
    ErrorRule("Throttling*", Transient),
    ErrorRule("Rejected.Throttling", Transient),
    ErrorRule("ServiceUnavailable*", Transient),
    ErrorRule("ServiceBusy", Transient),
    ErrorRule("SystemBusy", Transient),
    ErrorRule("OperationBusy", Transient),
    ErrorRule("InternalError*", Transient),
    ErrorRule("IdempotenceProcessing", Transient),
    ErrorRule("SignatureNonceUsed", Transient),
    ErrorRule("Forbidden.RAM", NeedsOperator, GRANT),
    ErrorRule("NoPermission*", NeedsOperator, GRANT),
    ErrorRule("Forbidden.RiskControl", NeedsOperator, RISK),
    ErrorRule("Forbidden.UserVerification", NeedsOperator, OWNER),
    ErrorRule("Forbidden", NeedsOperator, GRANT),
    ErrorRule("Forbidden.*", NeedsOperator, GRANT),
    ErrorRule("InvalidAccessKeyId*", NeedsOperator, KEY_ID),
    ErrorRule("InvalidSecurityToken*", NeedsOperator, KEY_ID),
    ErrorRule("SignatureDoesNotMatch", NeedsOperator, ACCESS_KEY_ADVICE),
    ErrorRule("IncompleteSignature", NeedsOperator, CLOCK),
    ErrorRule("IllegalTimestamp", NeedsOperator, CLOCK),
    ErrorRule("InvalidTimeStamp*", NeedsOperator, CLOCK),
    ErrorRule("*Arrear*", NeedsOperator, PAY),
    ErrorRule("*InsufficientBalance*", NeedsOperator, PAY),
    ErrorRule("*NotActivated*", NeedsOperator, OPEN),
    ErrorRule("*NotOpen*", NeedsOperator, OPEN),
    ErrorRule("*Quota*", NeedsOperator, QUOTA),
    ErrorRule("*LimitExceed*", NeedsOperator, QUOTA),
)

# These codes concern the account: every call of it fails, whichever permission it needs.
CREDENTIAL_CODES = ("InvalidAccessKeyId*", "InvalidSecurityToken*", "SignatureDoesNotMatch")


class ErrorAnswer(NamedTuple):
    """A refusal: `body` is the cloud's error object, `retry_after` is in milliseconds."""

    status: int
    body: Mapping[str, Any]
    retry_after: int | None = None

    def get_field(self, name: str) -> str | None:
        """A text field. Some services write its name in lower case."""
        value = self.body.get(name) or self.body.get(name[0].lower() + name[1:])
        return str(value) if value else None


def build_error(
    answer: ErrorAnswer, permission: str, rules: tuple[ErrorRule, ...] = ()
) -> CloudError:
    """The error for a refusal; `rules` of one service come before those of all."""
    # Function Compute 2.0 and SAE have other names for both fields.
    code = answer.get_field("Code") or answer.get_field("ErrorCode") or f"HTTP{answer.status}"
    reason = answer.get_field("Message") or answer.get_field("ErrorMessage")
    rule = next((r for r in (*rules, *COMMON) if fnmatchcase(code, r.pattern)), None)
    rule = rule or _get_rule_by_status(code, answer.status)
    denied = answer.body.get("AccessDeniedDetail")
    if isinstance(denied, Mapping) and denied.get("AuthAction"):
        permission = str(denied["AuthAction"])
    wait = answer.retry_after
    return rule.error(
        redact(reason or "the cloud gave no reason"),
        code=redact(code),
        request_id=answer.get_field("RequestId"),
        advice=rule.advice.format(permission=permission) if rule.advice else None,
        retry_after=wait / 1000 if wait is not None and rule.error is Transient else None,
    )


def is_credential_error(error: CloudError) -> bool:
    """Whether the account was refused, not only one call."""
    return any(fnmatchcase(error.code, pattern) for pattern in CREDENTIAL_CODES)


def _get_rule_by_status(code: str, status: int) -> ErrorRule:
    if status >= 500 or status == 429:
        return ErrorRule(code, Transient)
    if status in (401, 403):
        return ErrorRule(code, NeedsOperator, GRANT)
    return ErrorRule(code, Permanent)
