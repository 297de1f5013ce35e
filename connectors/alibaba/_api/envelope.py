"""Answers that say inside an envelope whether the call succeeded: HTTP 200 alone means nothing.

Unconfirmed, and kept here only: which words stand for success beside 200 and "Ok". An envelope
without a code, and without `success` being false, counts as success.
"""

from collections.abc import Mapping
from typing import Any

from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Answer, error_for

FINE = ("", "200", "ok", "success")


def opened(reply: Mapping[str, Any], api: Api, action: str) -> Any:
    """What lies in the envelope, None where nothing does; raises what its code means.

    The message is never trusted: some calls that succeed come with one that speaks of failure.
    """
    told = {str(name)[:1].upper() + str(name)[1:]: value for name, value in reply.items()}
    code = str(told.get("Code") or "")
    if told.get("Success") is not False and code.lower() in FINE:
        return told.get("Data")
    status = str(told.get("HttpStatusCode") or code)
    failed = int(status) if status.isdecimal() and int(status) >= 400 else 400
    if code.isdecimal():
        told["Code"] = told.get("ErrorCode") or f"HTTP{failed}"
    raise error_for(Answer(failed, told), f"{api.ram}:{action}", api.rules)
