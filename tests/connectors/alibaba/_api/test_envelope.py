"""Envelopes: they say whether the call succeeded."""

from typing import Any

import pytest

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.envelope import open_envelope
from domain.errors import CloudError, NeedsOperator, Permanent, Transient

API = Api(ram="mse", version="2019-05-31", hosts=dict.fromkeys(Site, "host"))


@pytest.mark.parametrize(
    "reply",
    [
        {"Code": 200, "Success": True, "Data": 1},
        {"Code": 200, "Success": True, "Data": 1, "Message": "You are not authorized"},
        {"code": "Ok", "message": "success", "data": 1},
        {"data": 1},
    ],
)
def test_what_succeeded_is_unwrapped_whatever_its_message_says(reply: dict[str, Any]) -> None:
    assert open_envelope(reply, API, "ListGateway") == 1


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        ({"Code": 404, "Success": False}, Permanent, "HTTP404"),
        ({"Code": 200, "Success": False, "HttpStatusCode": 200}, Permanent, "HTTP400"),
        (
            {"Code": 200, "HttpStatusCode": 200, "Success": False, "ErrorCode": "X.Y"},
            Permanent,
            "X.Y",
        ),
        ({"Code": 500, "Success": False}, Transient, "HTTP500"),
        ({"Code": 403, "Success": False}, NeedsOperator, "HTTP403"),
        ({"code": "Throttling.User", "message": "slower"}, Transient, "Throttling.User"),
        ({"code": "NoPermission", "message": "no"}, NeedsOperator, "NoPermission"),
    ],
)
def test_what_failed_is_judged_by_its_code(
    reply: dict[str, Any], kind: type[CloudError], code: str
) -> None:
    with pytest.raises(kind) as failure:
        open_envelope(reply, API, "ListGateway")
    assert failure.value.code == code
