"""Parses uploads of one leaf: all parts are valid except those that the test changes."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.keys import PrivateKey
from domain.errors import BadInput
from tests.support.factory import NOW, Leaf


def upload(leaf: Leaf, **changed: Any) -> tuple[Certificate, PrivateKey]:
    """Parse the leaf with its chain and key, or with what `changed` puts in their place."""
    valid: dict[str, Any] = {"certificate": leaf.pem, "key": leaf.key_pem, "now": NOW}
    return parse_pem(changed.pop("name", "main"), **(valid | changed))


def refuse_upload(leaf: Leaf, **changed: Any) -> BadInput:
    """The error with which the upload is refused; nothing in it shows the key."""
    return get_refusal(lambda: upload(leaf, **changed), leaf.key_pem)


def get_refusal(call: Callable[[], object], *key_pems: bytes) -> BadInput:
    """The error that the call raises; it says what to do, and nothing in it shows a key."""
    with pytest.raises(BadInput) as refused:
        call()
    secret = [line for pem in key_pems for line in pem.decode().splitlines()[1:-1]]
    error: BaseException | None = refused.value
    while error is not None:
        assert not any(line in repr(error) for line in secret)
        error = error.__cause__ or error.__context__
    assert refused.value.fix
    assert refused.value.code != "bad-input"
    return refused.value
