"""PFX files give what PEM files give, or one clear refusal."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.certificates.certificate import parse_pem, parse_pfx
from domain.errors import BadInput
from tests.support.factory import CA, NOW, P256, SM2_CURVE, Authority, pfx

CA_1 = CA()
LEAF = CA_1.leaf()
SECRET = LEAF.key_pem.decode().splitlines()[1:-1]
BASE_POINT = bytes.fromhex(
    "04"
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(BadInput) as refused:
        parse_pfx("main", data=data, now=NOW, label="a.pfx", **options)
    message = str(refused.value)
    assert message.startswith("a.pfx: ")
    assert not any(line in message for line in SECRET)
    return message


def unsealed() -> bytes:
    """A file without encryption, and without the checksum that would show a change."""
    data = pfx(LEAF)
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
    made, key = parse_pfx("main", data=pfx(leaf, "secret"), passphrase="secret", now=NOW)
    expected, same = parse_pem("main", certificate=leaf.pem, key=leaf.key_pem, now=NOW)
    assert made == expected
    assert key.pem() == same.pem()


def test_without_a_passphrase_it_opens_as_it_is() -> None:
    for nothing in (None, ""):
        for data in (pfx(LEAF), unsealed()):
            assert parse_pfx("main", data=data, passphrase=nothing, now=NOW)


def test_a_passphrase_missing_or_wrong_is_told_apart() -> None:
    data = pfx(LEAF, "secret")
    assert "needs a passphrase, or is damaged" in refusal(data)
    assert "the passphrase is wrong, or the file is damaged" in refusal(data, passphrase="falsch")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "the file is empty"),
        (LEAF.pem, "is no PFX file. If it is PEM"),
        (pfx(LEAF)[:-20], "truncated"),
        (pfx(LEAF, with_key=False), "holds no private key"),
        (pfx(LEAF, with_leaf=False, with_chain=False), "holds no certificate"),
        (pfx(LEAF, with_leaf=False), "holds only authorities"),
        (pfx(LEAF, with_chain=False), "the chain is incomplete"),
        (with_sm2_key(), "made for SM2, whose certificates come in pairs"),
    ],
)
def test_what_lacks_a_part_is_refused(data: bytes, complaint: str) -> None:
    assert complaint in refusal(data)


def test_the_chain_may_be_held_to_given_roots() -> None:
    assert parse_pfx("main", data=pfx(LEAF), now=NOW, roots=CA_1.root_pem)
    assert "is missing" in refusal(pfx(LEAF), roots=Authority.root("Other").pem)
