"""Checks the OSS4-HMAC-SHA256 signature, which only object storage uses."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from sandbox.errors import ApiError
from sandbox.http import Request
from sandbox.options import SandboxAccount

ALGORITHM = "OSS4-HMAC-SHA256"
ALLOWED_SKEW = timedelta(minutes=15)

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^/,]+)/(\d{{8}})/([^/,]+)/oss/aliyun_v4_request"
    r"(?:,AdditionalHeaders=([^,]*))?,Signature=([0-9a-f]{64})"
)


def verify(request: Request, accounts: dict[str, SandboxAccount]) -> tuple[SandboxAccount, str]:
    """Who signed this request, and for which region; raises ApiError when nobody provably did."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise ApiError("InvalidArgument", "Invalid Authorization header.")
    key_id, day, region, additional, signature = match.groups()
    account = accounts.get(key_id)
    if account is None:
        message = "The OSS Access Key Id you provided does not exist in our records."
        raise ApiError("InvalidAccessKeyId", message, 403)
    moment = request.headers.get("x-oss-date", "")
    _check_time(moment)
    key = f"aliyun_v4{account.access_key_secret}".encode()
    for part in (day, region, "oss", "aliyun_v4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(
        _build_canonical_request(request, additional or "").encode()
    ).hexdigest()
    scope = f"{day}/{region}/oss/aliyun_v4_request"
    text = "\n".join([ALGORITHM, moment, scope, digest])
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise ApiError("SignatureDoesNotMatch", message, 403)
    return account, region


def _build_canonical_request(request: Request, additional: str) -> str:
    pairs = sorted(pair.partition("=") for pair in request.query.split("&") if pair)
    query = "&".join(f"{name}={value}" if value else name for name, _, value in pairs)
    named = {"content-type", "content-md5", *additional.split(";")}
    headers = sorted(
        (name, value)
        for name, value in request.headers.items()
        if name.startswith("x-oss-") or name in named
    )
    return "\n".join(
        [
            request.method,
            quote(unquote(request.path), safe="/"),
            query,
            *(f"{name}:{value}" for name, value in headers),
            "",
            additional,
            request.headers.get("x-oss-content-sha256", ""),
        ]
    )


def _check_time(text: str) -> None:
    try:
        sent = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ApiError("InvalidArgument", "x-oss-date is malformed.") from None
    if abs(datetime.now(UTC) - sent) > ALLOWED_SKEW:
        message = "The difference between the request time and the current time is too large."
        raise ApiError("RequestTimeTooSkewed", message, 403)
