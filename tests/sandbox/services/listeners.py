"""What tests of ALB's and NLB's listeners do with a sandbox."""

import uuid
from typing import Any

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running
from tests.sandbox.services.stored import to_seed
from tests.support.factory import Leaf


def seed(cloud: Running, product: str, leaf: Leaf | None, *added: Leaf, **more: Any) -> str:
    """A listener's id."""
    listener = {
        "id": f"lsn-{uuid.uuid4().hex[:10]}",
        "certificate": leaf and to_seed(leaf),
        "additional": [to_seed(one) for one in added],
        **more,
    }
    cloud.control("POST", "seed", {"service": product, "listeners": [listener]})
    return str(listener["id"])


def check_refused(code: str, what: Any, *arguments: Any, **values: Any) -> None:
    with pytest.raises(ClientException) as caught:
        what(*arguments, **values)
    assert caught.value.code == code


def build_hostname() -> str:
    return f"h{uuid.uuid4().hex[:10]}.example.com"
