"""What a PEM tells about its first certificate."""

import pytest

from connectors.alibaba._api.leaf import read_leaf
from tests.support.factory import CA, Authority, relabel_as_sm2

AUTHORITY = CA()


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
def test_names_key_and_issuer_are_read(algorithm: str) -> None:
    issued = AUTHORITY.leaf(["WWW.example.com", "*.example.com"], algorithm=algorithm)
    leaf = read_leaf(issued.pem.decode())
    assert leaf is not None
    assert leaf.fingerprint == issued.fingerprint
    assert leaf.names == ("www.example.com", "*.example.com")
    assert leaf.algorithm == algorithm
    (issuer, *_) = AUTHORITY.intermediate.subject.rdns[-1]
    assert leaf.issuer == issuer.value


def test_an_sm_certificate_is_known_as_one() -> None:
    leaf = read_leaf(relabel_as_sm2(Authority.root("SM root").leaf().leaf_pem).decode())
    assert leaf is not None
    assert (leaf.algorithm, leaf.issuer) == ("sm2", "SM root")


def test_what_is_no_certificate_is_not_read() -> None:
    assert read_leaf("") is None
    assert read_leaf("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n") is None
