"""The signature that came before: version 1.0 of RPC requests, HMAC-SHA1 over the parameters.

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

from sandbox.errors import CloudError, invalid
from sandbox.http import Request
from sandbox.options import Account
from sandbox.signature import OLDER_SKEW, Nonces, check_time

FORM = "application/x-www-form-urlencoded"


def parameters(request: Request) -> dict[str, str]:
    """What query and form body say."""
    pairs = parse_qsl(request.query, keep_blank_values=True)
    if request.headers.get("content-type", "").startswith(FORM):
        pairs += parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
    return dict(pairs)


def signs(request: Request) -> bool:
    """Whether a request claims to be signed in this way."""
    return "authorization" not in request.headers and "Signature" in parameters(request)


def in_headers(request: Request) -> Request:
    """A request of this kind with operation and version where newer ones have them."""
    if not signs(request):
        return request
    params = parameters(request)
    named = {f"x-acs-{name.lower()}": params.get(name, "") for name in ("Action", "Version")}
    return replace(request, headers={**request.headers, **named})


def verify(request: Request, accounts: dict[str, Account], nonces: Nonces) -> Account:
    """The account that signed this request; raises CloudError when nobody provably did."""
    params = parameters(request)
    _check_form(params)
    key_id = params.get("AccessKeyId", "")
    account = accounts.get(key_id)
    if account is None:
        raise CloudError("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
    now = datetime.now(UTC)
    check_time(params.get("Timestamp", ""), now, OLDER_SKEW)
    expected = sign(request.method, params, account.access_key_secret)
    if not hmac.compare_digest(expected.encode(), params["Signature"].encode()):
        raise CloudError(
            "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 403
        )
    nonces.spend(key_id + params["SignatureNonce"], now)
    return account


def sign(method: str, params: Mapping[str, str], secret: str) -> str:
    """The signature in base64, over all parameters but itself, wherever they were sent."""
    signed = sorted((name, value) for name, value in params.items() if name != "Signature")
    canonical = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in signed)
    to_sign = f"{method}&{_encoded('/')}&{_encoded(canonical)}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), to_sign.encode(), "sha1")).decode()


def _check_form(params: Mapping[str, str]) -> None:
    for name in ("AccessKeyId", "SignatureMethod", "SignatureNonce", "SignatureVersion"):
        if not params.get(name):
            raise CloudError(f"Missing{name}", f"{name} is mandatory for this action.")
    if params["SignatureMethod"] != "HMAC-SHA1":
        raise CloudError("InvalidSignatureMethod", "Specified signature method is not valid.")
    if params["SignatureVersion"] != "1.0":
        raise invalid("SignatureVersion")
    if params.get("Format", "XML").upper() != "JSON":
        raise CloudError("InvalidParameter.Format", "Specified parameter format is not valid.")


def _encoded(text: str) -> str:
    return quote(text, safe="~")
