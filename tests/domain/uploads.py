"""Uploads as tests make them: one call, with everything proper unless said otherwise."""

from typing import Any

import pytest

from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.keys import PrivateKey
from domain.errors import BadInput
from tests.support.factory import NOW, Leaf


def upload(leaf: Leaf, **changed: Any) -> tuple[Certificate, PrivateKey]:
    """The leaf with its chain and key, or with what `changed` puts in their place."""
    proper: dict[str, Any] = {"certificate": leaf.pem, "key": leaf.key_pem, "now": NOW}
    return parse_pem(changed.pop("name", "main"), **(proper | changed))


def refusal(leaf: Leaf, **changed: Any) -> str:
    """The message with which an upload is refused; it holds nothing of the key."""
    with pytest.raises(BadInput) as refused:
        upload(leaf, **changed)
    error: BaseException | None = refused.value
    secret = leaf.key_pem.decode().splitlines()[1:-1]
    while error is not None:
        assert not any(line in repr(error) for line in secret)
        error = error.__cause__ or error.__context__
    assert refused.value.fix
    return str(refused.value)
