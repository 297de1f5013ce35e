"""Tests that the search for secrets finds every encoding of a key."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from starter.demo.ca import Key
from tests.support.factory import CA, Leaf
from tests.support.key_finder import SecretFinder

Encoder = Callable[[Key], bytes]


def pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def der(key: Key, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.DER, form, NoEncryption())


def number(key: Key) -> int:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.private_numbers().d
    return key.private_numbers().private_value


def prime(key: Key) -> int:
    return key.private_numbers().q if isinstance(key, rsa.RSAPrivateKey) else number(key)


OLD = PrivateFormat.TraditionalOpenSSL
ENCODERS: dict[str, Encoder] = {
    "PEM": pem,
    "traditional PEM": lambda key: pem(key, OLD),
    "PEM in JSON": lambda key: json.dumps({"key": pem(key).decode()}).encode(),
    "PEM in JSON in JSON": lambda key: json.dumps(json.dumps(pem(key).decode())).encode(),
    "base64 of JSON with PEM": lambda key: base64.b64encode(json.dumps(pem(key).decode()).encode()),
    "PEM for a URL": lambda key: quote(pem(key), safe="").encode(),
    "PEM for a form": lambda key: quote_plus(pem(key)).encode(),
    "PEM for a URL, twice": lambda key: quote(quote(pem(key)), safe="").encode(),
    "half of a PEM": lambda key: pem(key)[: len(pem(key)) // 2],
    "base64 of PEM": lambda key: base64.b64encode(pem(key)),
    "base64 of traditional PEM": lambda key: base64.b64encode(b"x" + pem(key, OLD)),
    "wrapped base64 of PEM": lambda key: base64.encodebytes(b"xx" + pem(key)),
    "DER": der,
    "traditional DER": lambda key: der(key, OLD),
    "Python's bytes of DER": lambda key: repr(der(key)).encode(),
    "base64 of DER": lambda key: base64.b64encode(der(key)),
    "base64 of traditional DER": lambda key: base64.b64encode(b"x" + der(key, OLD)),
    "URL-safe base64 of DER": lambda key: base64.urlsafe_b64encode(b"xx" + der(key)),
    "hex of DER": lambda key: der(key).hex().encode(),
    "HEX of DER": lambda key: der(key).hex().upper().encode(),
    "hex of DER with colons": lambda key: der(key, OLD).hex(":").encode(),
    "the number in decimal": lambda key: str(number(key)).encode(),
    "the number in hex": lambda key: f"{number(key):x}".encode(),
    "the number as bytes": lambda key: number(key).to_bytes(512),
    "a prime in decimal": lambda key: str(prime(key)).encode(),
    "a prime as bytes": lambda key: prime(key).to_bytes(512),
}


@pytest.fixture(scope="module", params=["ec", "rsa"])
def leaf(request: pytest.FixtureRequest, ca: CA) -> Leaf:
    return ca.leaf(["www.example.com"], algorithm=request.param)


@pytest.fixture
def finder(leaf: Leaf) -> SecretFinder:
    finder = SecretFinder()
    finder.add_key("the key", leaf.key)
    return finder


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_a_key_is_found_among_other_bytes(
    finder: SecretFinder, leaf: Leaf, encode: Encoder
) -> None:
    assert finder.find(b'\0{"message": "' + encode(leaf.key) + b'"}\xff')


def test_the_public_part_of_a_key_is_not_found(finder: SecretFinder, leaf: Leaf) -> None:
    public = leaf.certificate.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    for octets in (leaf.pem, public, leaf.certificate.public_bytes(Encoding.DER)):
        for encoded in (octets, base64.b64encode(octets), octets.hex().encode()):
            assert finder.find(encoded) == set()


def test_another_key_is_not_found(finder: SecretFinder, ca: CA) -> None:
    assert finder.find(ca.leaf(["other.example.com"]).key_pem) == set()


@pytest.mark.parametrize(
    "encoded",
    [
        b"Pass/word+123",
        b"Pass%2Fword%2B123",
        base64.b64encode(b"user:Pass/word+123"),
        b"Pass/word+123".hex().encode(),
    ],
)
def test_a_password_is_found(encoded: bytes) -> None:
    finder = SecretFinder()
    finder.add_text("the password", "Pass/word+123")
    assert finder.find(b"before " + encoded + b" after")
    assert not finder.find(b"before Pass word 123 after")
