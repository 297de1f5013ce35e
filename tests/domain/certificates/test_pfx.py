"""A PFX file gives what PEM files give, or is refused."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.certificates.certificate import parse_pem, parse_pfx
from tests.support.factory import CA, NOW, P256, SM2_CURVE, Authority, build_pfx
from tests.support.uploads import get_refusal

CA_1 = CA()
LEAF = CA_1.leaf()
BASE_POINT = bytes.fromhex(
    "04"
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)


def refuse_code(data: bytes, **options: Any) -> str:
    """The code of the refusal, which names the file and shows nothing of the key."""
    refused = get_refusal(
        lambda: parse_pfx("main", data=data, now=NOW, label="a.pfx", **options), LEAF.key_pem
    )
    assert refused.where == "a.pfx"
    return refused.code


def unsealed() -> bytes:
    """A file without encryption, and without the checksum that would show a change."""
    data = build_pfx(LEAF)
    content = data[7 : 7 + 4 + int.from_bytes(data[9:11], "big")]
    inner = data[4:7] + content
    return data[:2] + len(inner).to_bytes(2, "big") + inner


def with_sm2_key() -> bytes:
    """The same with the simplest pair of keys on the SM2 curve: one, and its base point."""
    public, private = LEAF.key.public_key(), LEAF.key.private_numbers()
    assert isinstance(private, EllipticCurvePrivateNumbers)
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    data = unsealed().replace(P256, SM2_CURVE).replace(point, BASE_POINT)
    return data.replace(private.private_value.to_bytes(32, "big"), (1).to_bytes(32, "big"))


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
def test_it_gives_what_pem_gives(algorithm: str) -> None:
    leaf = CA_1.leaf(algorithm=algorithm)
    made, key = parse_pfx("main", data=build_pfx(leaf, "secret"), passphrase="secret", now=NOW)
    expected, same = parse_pem("main", certificate=leaf.pem, key=leaf.key_pem, now=NOW)
    assert made == expected
    assert key.pem() == same.pem()


def test_without_a_passphrase_it_opens_as_it_is() -> None:
    for nothing in (None, ""):
        for data in (build_pfx(LEAF), unsealed()):
            assert parse_pfx("main", data=data, passphrase=nothing, now=NOW)


def test_a_missing_and_a_wrong_passphrase_have_their_own_codes() -> None:
    data = build_pfx(LEAF, "secret")
    assert refuse_code(data) == "passphrase-required"
    assert refuse_code(data, passphrase="falsch") == "wrong-passphrase"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (LEAF.pem, "not-a-pfx-file"),
        (build_pfx(LEAF)[:-20], "truncated-file"),
        (build_pfx(LEAF, with_key=False), "no-private-key"),
        (build_pfx(LEAF, with_leaf=False, with_chain=False), "no-certificate"),
        (build_pfx(LEAF, with_leaf=False), "no-server-certificate"),
        (build_pfx(LEAF, with_chain=False), "incomplete-chain"),
        (with_sm2_key(), "sm2-pair-required"),
    ],
)
def test_a_file_that_lacks_a_part_is_refused(data: bytes, code: str) -> None:
    assert refuse_code(data) == code


def test_with_roots_the_chain_must_end_at_one_of_them() -> None:
    assert parse_pfx("main", data=build_pfx(LEAF), now=NOW, roots=CA_1.root_pem)
    assert refuse_code(build_pfx(LEAF), roots=Authority.root("Other").pem) == "incomplete-chain"
