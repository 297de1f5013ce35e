"""Keys are read in every common form, and seen nowhere."""

import base64
import copy
import json
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from domain.certificates.certificate import Files
from domain.certificates.keys import PrivateKey, measure
from domain.errors import BadInput
from tests.domain.uploads import refusal, upload
from tests.support.factory import CA, P256, Authority, encrypted, rsa_key

LEAVES = {"ec": CA().leaf(), "rsa": CA().leaf(algorithm="rsa")}
LEAF = LEAVES["ec"]


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_every_common_form_is_read(algorithm: str, form: PrivateFormat, encoding: Encoding) -> None:
    leaf = LEAVES[algorithm]
    written = leaf.key.private_bytes(encoding, form, NoEncryption())
    assert upload(leaf, key=written)[1].pem() == leaf.key_pem


def encrypted_der(passphrase: str) -> bytes:
    return base64.b64decode(b"".join(encrypted(LEAF, passphrase).splitlines()[1:-1]))


@pytest.mark.parametrize("traditional", [False, True])
def test_an_encrypted_key_opens_with_its_passphrase_only(traditional: bool) -> None:
    key = encrypted(LEAF, "korrekt pferd", traditional=traditional)
    assert upload(LEAF, key=key, passphrase="korrekt pferd")[1].pem() == LEAF.key_pem
    for nothing in (None, ""):
        assert "the private key is encrypted. Give its passphrase as well" in refusal(
            LEAF, key=key, passphrase=nothing
        )
    wrong = refusal(LEAF, key=key, passphrase="falsch", files=Files(key="k.pem"))
    assert wrong.startswith("k.pem: the private key does not open: the passphrase is wrong")
    assert "falsch" not in wrong


def test_an_encrypted_binary_key_is_told_to_need_its_passphrase() -> None:
    der = encrypted_der("secret")
    assert "is encrypted" in refusal(LEAF, key=der)
    assert upload(LEAF, key=der, passphrase="secret")


def test_a_passphrase_that_is_not_needed_does_no_harm() -> None:
    assert upload(LEAF, passphrase="anything")[1].pem() == LEAF.key_pem


def test_the_parameters_that_openssl_puts_before_a_key_are_skipped() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert upload(LEAF, key=parameters + LEAF.key_pem)


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (LEAF.leaf_pem, "key file: holds no private key"),
        (b"hello", "key file: holds no private key"),
        (LEAF.key_pem + LEAF.key_pem, "key file: holds 2 private keys, on lines 1, 6"),
        (LEAF.key_pem[:-40], "key file: truncated: the PRIVATE KEY block"),
        (LEAF.key_pem.replace(b"MIG", b"MIH"), "key file: the private key is damaged"),
        (LEAF.key_pem[:60] + LEAF.key_pem[80:], "key file: the private key is damaged"),
        (b"0" * 90, "key file: the private key is damaged"),
    ],
)
def test_what_is_not_one_whole_key_is_refused(key: bytes, complaint: str) -> None:
    assert complaint in refusal(LEAF, key=key)


@pytest.mark.parametrize("bits", [1024, 8200])
def test_rsa_keys_too_short_or_too_long_are_refused(bits: int) -> None:
    numbers = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
    with pytest.raises(BadInput) as refused:
        measure(numbers.public_key(), "'CN=x'", "a.pem")
    assert str(refused.value) == (
        f"a.pem: 'CN=x' has an RSA key of {bits} bits. Only 2048 to 8192 bits are accepted."
    )


def test_a_weak_leaf_is_refused() -> None:
    leaf = Authority.root().sub("Low").leaf(key=rsa_key(1024))
    assert "'CN=www.example.com' has an RSA key of 1024 bits" in refusal(leaf)


@pytest.mark.parametrize(
    ("public", "kind"),
    [
        (ed25519.Ed25519PrivateKey.generate().public_key(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "secp256k1"),
    ],
)
def test_kinds_that_no_browser_takes_are_refused(
    public: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey, kind: str
) -> None:
    with pytest.raises(BadInput, match=f"key of the kind {kind}, which browsers"):
        measure(public, "'CN=x'", "a.pem")


def test_a_key_of_the_largest_curve_is_taken() -> None:
    public = ec.generate_private_key(ec.SECP521R1()).public_key()
    assert measure(public, "'CN=x'", "a.pem") == ("ec", 521)


@pytest.mark.parametrize(("algorithm", "label"), [("ec", b"EC"), ("rsa", b"RSA")])
def test_the_older_form_holds_the_same_key(algorithm: str, label: bytes) -> None:
    leaf = LEAVES[algorithm]
    old = PrivateKey(leaf.key_pem).traditional_pem()
    assert old.startswith(b"-----BEGIN " + label + b" PRIVATE KEY-----\n")
    loaded = load_pem_private_key(old, None)
    assert loaded.public_key() == leaf.key.public_key()


def test_a_key_is_never_shown_dumped_or_copied() -> None:
    key = PrivateKey(LEAF.key_pem)
    assert repr(key) == str(key) == f"{key}" == "PrivateKey(hidden)"
    for spread in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars):
        with pytest.raises(TypeError):
            spread(key)


def test_two_keys_travel_as_one_and_part_again() -> None:
    other = LEAVES["rsa"].key_pem
    assert PrivateKey(LEAF.key_pem + other).pair() == (LEAF.key_pem, other)


def test_a_key_on_a_curve_that_is_not_known_is_refused() -> None:
    der = LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    unknown = der.replace(P256, P256[:-1] + b"\x7f")
    assert "made with an algorithm that is not supported" in refusal(LEAF, key=unknown)
