"""Reads answers whose envelope says whether the call succeeded, whatever the HTTP status.

The connectors of APIG, MSE and SAE call it.

Unconfirmed, and used here only: which codes mean success beside 200 and "Ok". An envelope
without a code, and without `success` being false, counts as success.
"""

from collections.abc import Mapping
from typing import Any

from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorAnswer, build_error

SUCCESS_CODES = ("", "200", "ok", "success")


def open_envelope(reply: Mapping[str, Any], api: Api, action: str) -> Any:
    """The content of the envelope, None if it is empty; raises the error for its code.

    The message is not used: some calls that succeed have a message that reads like a failure.
    """
    fields = {str(name)[:1].upper() + str(name)[1:]: value for name, value in reply.items()}
    code = str(fields.get("Code") or "")
    if fields.get("Success") is not False and code.lower() in SUCCESS_CODES:
        return fields.get("Data")
    status = str(fields.get("HttpStatusCode") or code)
    failed = int(status) if status.isdecimal() and int(status) >= 400 else 400
    if code.isdecimal():
        fields["Code"] = fields.get("ErrorCode") or f"HTTP{failed}"
    raise build_error(ErrorAnswer(failed, fields), f"{api.ram}:{action}", api.rules)
