"""What each error code of the cloud means for the caller: try again, ask a person, or give up."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from connectors.alibaba._api.redact import redact
from domain.errors import CloudError, NeedsOperator, Permanent, Transient


class Rule(NamedTuple):
    """Codes by shell pattern. `advice` may hold {permission}, the RAM action that was tried."""

    pattern: str
    error: type[CloudError]
    advice: str | None = None


_GRANT = "Grant {permission} to the RAM user of this account."
_CLOCK = "Set this machine's clock: the cloud takes at most 15 minutes of difference."
_KEY_ID = "Check the access key: it does not exist, is disabled, or belongs to the other site."
_PAY = "Settle the cloud account's bill, then try again."
_OPEN = "Activate the service in the cloud's console, then try again."
_QUOTA = "Raise the quota at the cloud, or delete what is no longer used."

# The first that fits wins. What none names is judged by its HTTP status.
COMMON: tuple[Rule, ...] = (
    Rule("Throttling*", Transient),
    Rule("Rejected.Throttling", Transient),
    Rule("ServiceUnavailable*", Transient),
    Rule("ServiceBusy", Transient),
    Rule("SystemBusy", Transient),
    Rule("OperationBusy", Transient),
    Rule("InternalError*", Transient),
    Rule("IdempotenceProcessing", Transient),
    Rule("SignatureNonceUsed", Transient),
    Rule("Forbidden.RAM", NeedsOperator, _GRANT),
    Rule("NoPermission*", NeedsOperator, _GRANT),
    Rule(
        "Forbidden.RiskControl", NeedsOperator, "The cloud blocked it as a risk: ask its support."
    ),
    Rule("Forbidden.UserVerification", NeedsOperator, "Verify the account's owner at the cloud."),
    Rule("Forbidden", NeedsOperator, _GRANT),
    Rule("Forbidden.*", NeedsOperator, _GRANT),
    Rule("InvalidAccessKeyId*", NeedsOperator, _KEY_ID),
    Rule("InvalidSecurityToken*", NeedsOperator, _KEY_ID),
    Rule("SignatureDoesNotMatch", NeedsOperator, "Check the access key's secret."),
    Rule("IncompleteSignature", NeedsOperator, _CLOCK),
    Rule("IllegalTimestamp", NeedsOperator, _CLOCK),
    Rule("InvalidTimeStamp*", NeedsOperator, _CLOCK),
    Rule("*Arrear*", NeedsOperator, _PAY),
    Rule("*InsufficientBalance*", NeedsOperator, _PAY),
    Rule("*NotActivated*", NeedsOperator, _OPEN),
    Rule("*NotOpen*", NeedsOperator, _OPEN),
    Rule("*Quota*", NeedsOperator, _QUOTA),
    Rule("*LimitExceed*", NeedsOperator, _QUOTA),
)

# Every call of the account ends like this, whichever permission it needs.
CREDENTIAL_CODES = ("InvalidAccessKeyId*", "InvalidSecurityToken*", "SignatureDoesNotMatch")


class Answer(NamedTuple):
    """A refusal as it came: `body` is the cloud's error object, `retry_after` milliseconds."""

    status: int
    body: Mapping[str, Any]
    retry_after: int | None = None

    def field(self, name: str) -> str | None:
        """A text field; some services write its name in lower case."""
        value = self.body.get(name) or self.body.get(name[0].lower() + name[1:])
        return str(value) if value else None


def error_for(answer: Answer, permission: str, rules: tuple[Rule, ...] = ()) -> CloudError:
    """The error for a refusal; `rules` of one service come before those of all."""
    # Function Compute 2.0 and the app engine have names of their own for both.
    code = answer.field("Code") or answer.field("ErrorCode") or f"HTTP{answer.status}"
    reason = answer.field("Message") or answer.field("ErrorMessage")
    rule = next((r for r in (*rules, *COMMON) if fnmatchcase(code, r.pattern)), None)
    rule = rule or _by_status(code, answer.status)
    denied = answer.body.get("AccessDeniedDetail")
    if isinstance(denied, Mapping) and denied.get("AuthAction"):
        permission = str(denied["AuthAction"])
    wait = answer.retry_after
    return rule.error(
        redact(reason or "the cloud gave no reason"),
        code=redact(code),
        request_id=answer.field("RequestId"),
        advice=rule.advice.format(permission=permission) if rule.advice else None,
        retry_after=wait / 1000 if wait is not None and rule.error is Transient else None,
    )


def is_credential_error(error: CloudError) -> bool:
    """Whether the account itself was refused, not one call."""
    return any(fnmatchcase(error.code, pattern) for pattern in CREDENTIAL_CODES)


def _by_status(code: str, status: int) -> Rule:
    if status >= 500 or status == 429:
        return Rule(code, Transient)
    if status in (401, 403):
        return Rule(code, NeedsOperator, _GRANT)
    return Rule(code, Permanent)
