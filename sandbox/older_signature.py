"""Checks the older signature: version 1.0 of RPC requests, HMAC-SHA1 over the parameters.

Such a request has no headers of its own: operation, version, key, time and signature are parameters
beside the others, in the query or in a form body. It is still what many scripts send.

Unconfirmed against the real cloud: how another SignatureVersion is refused. An answer in XML, which
is what the cloud gives when no Format is named, is not to be had here.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

from sandbox.errors import ApiError, build_invalid_error
from sandbox.http import Request
from sandbox.options import SandboxAccount
from sandbox.signature import OLDER_SKEW, Nonces, check_time

FORM = "application/x-www-form-urlencoded"


def read_parameters(request: Request) -> dict[str, str]:
    """The parameters of query and form body."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    if request.headers.get("content-type", "").startswith(FORM):
        pairs += parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    return dict(pairs)


def is_signed(request: Request) -> bool:
    """Whether a request uses this kind of signature."""
    return "authorization" not in request.headers and "Signature" in read_parameters(request)


def to_headers(request: Request) -> Request:
    """Copies operation and version of such a request into the headers that newer ones have."""
    if not is_signed(request):
        return request
    params = read_parameters(request)
    named = {f"x-acs-{name.lower()}": params.get(name, "") for name in ("Action", "Version")}
    return replace(request, headers={**request.headers, **named})


def verify(request: Request, accounts: dict[str, SandboxAccount], nonces: Nonces) -> SandboxAccount:
    """The account that signed this request; raises ApiError when nobody provably did."""
    params = read_parameters(request)
    _check_form(params)
    key_id = params.get("AccessKeyId", "")
    account = accounts.get(key_id)
    if account is None:
        raise ApiError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    now = datetime.now(UTC)
    check_time(params.get("Timestamp", ""), now, OLDER_SKEW)
    expected = sign(request.method, params, account.access_key_secret)
    if not hmac.compare_digest(expected.encode(), params["Signature"].encode()):
        raise ApiError(
            "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 403
        )
    nonces.spend(key_id + params["SignatureNonce"], now)
    return account


def sign(method: str, params: Mapping[str, str], secret: str) -> str:
    """The signature in base64, over all parameters but itself, wherever they were sent."""
    signed = sorted((name, value) for name, value in params.items() if name != "Signature")
    canonical = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in signed)
    to_sign = f"{method}&{_encode('/')}&{_encode(canonical)}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), to_sign.encode(), "sha1")).decode()


def _check_form(params: Mapping[str, str]) -> None:
    for name in ("AccessKeyId", "SignatureMethod", "SignatureNonce", "SignatureVersion"):
        if not params.get(name):
            raise ApiError(f"Missing{name}", f"{name} is mandatory for this action.")
    if params["SignatureMethod"] != "HMAC-SHA1":
        raise ApiError("InvalidSignatureMethod", "Specified signature method is not valid.")
    if params["SignatureVersion"] != "1.0":
        raise build_invalid_error("SignatureVersion")
    if params.get("Format", "XML").upper() != "JSON":
        raise ApiError("InvalidParameter.Format", "Specified parameter format is not valid.")


def _encode(text: str) -> str:
    return quote(text, safe="~")
