"""Keys are read in every common form and never shown."""

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

from domain.certificates.certificate import FileNames
from domain.certificates.keys import PrivateKey, check_key_strength
from domain.errors import BadInput
from tests.support.factory import CA, P256, Authority, encrypt_key, get_rsa_key
from tests.support.uploads import refuse_upload, upload

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
    return base64.b64decode(b"".join(encrypt_key(LEAF, passphrase).splitlines()[1:-1]))


@pytest.mark.parametrize("traditional", [False, True])
def test_an_encrypted_key_opens_with_its_passphrase_only(traditional: bool) -> None:
    key = encrypt_key(LEAF, "korrekt pferd", traditional=traditional)
    assert upload(LEAF, key=key, passphrase="korrekt pferd")[1].pem() == LEAF.key_pem
    for nothing in (None, ""):
        assert refuse_upload(LEAF, key=key, passphrase=nothing).code == "passphrase-required"
    wrong = refuse_upload(LEAF, key=key, passphrase="falsch", files=FileNames(key="k.pem"))
    assert (wrong.code, wrong.where) == ("wrong-passphrase", "k.pem")
    assert "falsch" not in str(wrong)


def test_an_encrypted_binary_key_needs_its_passphrase() -> None:
    der = encrypted_der("secret")
    assert refuse_upload(LEAF, key=der).code == "passphrase-required"
    assert upload(LEAF, key=der, passphrase="secret")


def test_a_passphrase_that_is_not_needed_does_no_harm() -> None:
    assert upload(LEAF, passphrase="anything")[1].pem() == LEAF.key_pem


def test_the_parameters_that_openssl_writes_before_a_key_are_skipped() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert upload(LEAF, key=parameters + LEAF.key_pem)


@pytest.mark.parametrize(
    ("key", "code", "part"),
    [
        (LEAF.leaf_pem, "no-private-key", ""),
        (b"hello", "no-private-key", ""),
        (LEAF.key_pem + LEAF.key_pem, "several-private-keys", "lines 1, 6"),
        (LEAF.key_pem[:-40], "truncated-file", "PRIVATE KEY"),
        (LEAF.key_pem.replace(b"MIG", b"MIH"), "damaged-key", ""),
        (LEAF.key_pem[:60] + LEAF.key_pem[80:], "damaged-key", ""),
        (b"0" * 90, "damaged-key", ""),
    ],
)
def test_a_file_without_exactly_one_whole_key_is_refused(key: bytes, code: str, part: str) -> None:
    refused = refuse_upload(LEAF, key=key)
    assert (refused.code, refused.where) == (code, "key file")
    assert part in refused.what


@pytest.mark.parametrize("bits", [1024, 8200])
def test_rsa_keys_too_short_or_too_long_are_refused(bits: int) -> None:
    numbers = rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1)
    with pytest.raises(BadInput) as refused:
        check_key_strength(numbers.public_key(), "'CN=x'", "a.pem")
    assert (refused.value.code, refused.value.where) == ("unsupported-key-size", "a.pem")
    assert all(part in refused.value.what for part in ("'CN=x'", str(bits)))
    assert all(part in (refused.value.fix or "") for part in ("2048", "8192"))


def test_a_weak_leaf_is_refused() -> None:
    leaf = Authority.root().sub("Low").leaf(key=get_rsa_key(1024))
    refused = refuse_upload(leaf)
    assert refused.code == "unsupported-key-size"
    assert "'CN=www.example.com'" in refused.what


@pytest.mark.parametrize(
    ("public", "kind"),
    [
        (ed25519.Ed25519PrivateKey.generate().public_key(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "secp256k1"),
    ],
)
def test_kinds_of_keys_that_browsers_do_not_support_are_refused(
    public: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey, kind: str
) -> None:
    with pytest.raises(BadInput) as refused:
        check_key_strength(public, "'CN=x'", "a.pem")
    assert refused.value.code == "unsupported-key-kind"
    assert kind in refused.value.what


def test_a_key_on_the_largest_curve_is_accepted() -> None:
    public = ec.generate_private_key(ec.SECP521R1()).public_key()
    assert check_key_strength(public, "'CN=x'", "a.pem") == ("ec", 521)


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


def test_a_pair_of_keys_is_split_again() -> None:
    other = LEAVES["rsa"].key_pem
    assert PrivateKey(LEAF.key_pem + other).split_pair() == (LEAF.key_pem, other)


def test_a_key_on_an_unknown_curve_is_refused() -> None:
    der = LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    unknown = der.replace(P256, P256[:-1] + b"\x7f")
    assert refuse_upload(LEAF, key=unknown).code == "unsupported-algorithm"
