"""Checks the ACS3-HMAC-SHA256 signature of RPC and ROA requests. The services call it."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from sandbox.errors import ApiError
from sandbox.http import Request
from sandbox.options import SandboxAccount

ALGORITHM = "ACS3-HMAC-SHA256"
ALLOWED_SKEW = timedelta(minutes=15)
OLDER_SKEW = timedelta(minutes=31)  # of sandbox/older_signature.py, as documented

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{{64}})"
)
_MUST_BE_SIGNED = {
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
}


class Nonces:
    """Remembers nonces for as long as a request with one could be repeated."""

    def __init__(self) -> None:
        self._new: set[str] = set()
        self._old: set[str] = set()
        self._since = datetime.now(UTC)

    def spend(self, nonce: str, now: datetime) -> None:
        """Raises ApiError SignatureNonceUsed when the nonce was seen before."""
        if now - self._since > 2 * max(ALLOWED_SKEW, OLDER_SKEW):
            self._old, self._new, self._since = self._new, set(), now
        if nonce in self._new or nonce in self._old:
            raise ApiError("SignatureNonceUsed", "Specified signature nonce was used already.")
        self._new.add(nonce)


def verify(request: Request, accounts: dict[str, SandboxAccount], nonces: Nonces) -> SandboxAccount:
    """The account that signed this request; raises ApiError when nobody provably did."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise ApiError(
            "IncompleteSignature", "The request signature does not conform to Aliyun standards."
        )
    key_id, names, signature = match.groups()
    account = accounts.get(key_id)
    if account is None:
        raise ApiError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    now = datetime.now(UTC)
    check_time(request.headers.get("x-acs-date", ""), now)
    signed = names.split(";")
    expected = sign(request, signed, account.access_key_secret)
    if not (
        _are_all_signed(request, signed)
        and _hash_payload(request) == request.headers["x-acs-content-sha256"]
        and hmac.compare_digest(expected, signature)
    ):
        raise ApiError(
            "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 403
        )
    nonces.spend(key_id + request.headers["x-acs-signature-nonce"], now)
    return account


def sign(request: Request, signed: list[str], secret: str) -> str:
    """The signature in hex, over the request in the canonical form that clients build too.

    Path and query are decoded and encoded again: clients and their HTTP libraries differ in which
    harmless characters they escape, and the cloud does not mind.
    """
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    canonical = "\n".join(
        [
            request.method,
            quote(unquote(request.path), safe="/~"),
            "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs),
            *(f"{name}:{request.headers.get(name, '')}" for name in signed),
            "",
            ";".join(signed),
            request.headers.get("x-acs-content-sha256", ""),
        ]
    )
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def _are_all_signed(request: Request, signed: list[str]) -> bool:
    own = {name for name in request.headers if name.startswith("x-acs-")}
    return (_MUST_BE_SIGNED | own) <= set(signed)


def _hash_payload(request: Request) -> str:
    return hashlib.sha256(request.body).hexdigest()


def check_time(text: str, now: datetime, skew: timedelta = ALLOWED_SKEW) -> None:
    """Raises ApiError unless `text` is a time no further than `skew` from now."""
    if not text:
        raise ApiError(
            "IllegalTimestamp",
            'The input parameter "Timestamp" that is mandatory for processing this request is '
            "not supplied.",
        )
    try:
        sent = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ApiError(
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
        ) from None
    if abs(now - sent) > skew:
        raise ApiError("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
