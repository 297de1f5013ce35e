"""SM2 signatures are verified and keys are read in the forms that other programs write."""

from dataclasses import replace

import pytest
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.certificates.sm2 import ORDER, is_issued_by_sm2, is_sm2, read_public_point, read_sm2_key
from domain.errors import BadInput
from tests.support.factory import (
    CA,
    ECDSA,
    SM2_CURVE,
    SM2_SM3,
    encode_pem,
    get_rsa_key,
    relabel_as_sm2,
)
from tests.support.sm2_factory import (
    Sm2Authority,
    compute_public_key,
    encode_key_der,
    encode_key_pem,
    encrypt_key_pem,
    generate_key,
)

ROOT = Sm2Authority.root()
SUB = ROOT.sub()
KEY = generate_key()
SEC1 = PrivateFormat.TraditionalOpenSSL

# Made by openssl: `req -new -x509 -sm3 -sigopt distid:1234567812345678`, `x509 -req` likewise.
FOREIGN_ROOT = b"""\
-----BEGIN CERTIFICATE-----
MIIBYzCCAQigAwIBAgIUCPsJeTnmJmGGBTonsAwepbN4pq4wCgYIKoEcz1UBg3Uw
DzENMAsGA1UEAwwEUm9vdDAeFw0yNjExMjQxMzMwMzFaFw0yNzAzMDQxMzMwMzFa
MA8xDTALBgNVBAMMBFJvb3QwWTATBgcqhkjOPQIBBggqgRzPVQGCLQNCAAR6JgmX
0MmOSOXcleWvuUXzBS7uJ83/+tMQqbtZWzEprZ3QU5Ki0njRrMPXQytEzDHyaeSS
BSqK/t4zs923VeUdo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIB
BjAdBgNVHQ4EFgQU3peJRPjZJl6QrsWoy1zczMM92rowCgYIKoEcz1UBg3UDSQAw
RgIhALb3qP+9+49hvYd/F0Rmx1XfV1HZwQynkFW7tNBf4RUCAiEAsjmXi1wcw1K5
26NhMMwjQ1kd4sK7XY5nGQ77wr6G9hU=
-----END CERTIFICATE-----
"""
FOREIGN_SUB = b"""\
-----BEGIN CERTIFICATE-----
MIIBgzCCASigAwIBAgIUA04QS2v+Nml/whGOAdmaKJlbS/4wCgYIKoEcz1UBg3Uw
DzENMAsGA1UEAwwEUm9vdDAeFw0yNjExMjQxMzMwMzFaFw0yNzAxMTMxMzMwMzFa
MA4xDDAKBgNVBAMMA1N1YjBZMBMGByqGSM49AgEGCCqBHM9VAYItA0IABPx1Lge5
zqD9JKH9RX0HNLgNiHM6UbWCMw+tCbo3BiKGpC6AZNc3W7ZKGe5YbiX4DnUJL1YT
pwq+i8DUoCPQ652jYzBhMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEG
MB0GA1UdDgQWBBQEBVIQNRQlqvzdwHkGvWRJGJ/vsDAfBgNVHSMEGDAWgBTel4lE
+NkmXpCuxajLXNzMwz3aujAKBggqgRzPVQGDdQNJADBGAiEAhjLl/HQ/9efusEVl
NxkQcd7EsVPlLUZOrZmtGDeLTIgCIQCDlbfv7Ri7MOmpYY7c5Kc8VBYdZ4VA2VlP
plLBd3Ts6A==
-----END CERTIFICATE-----
"""


def altered(certificate: x509.Certificate, old: bytes, new: bytes) -> x509.Certificate:
    der = certificate.public_bytes(Encoding.DER)
    assert old in der
    return x509.load_der_x509_certificate(der.replace(old, new))


def with_signature(certificate: x509.Certificate, r: int, s: int) -> x509.Certificate:
    """One with these numbers for a signature."""
    parsed = Certificate.load(certificate.public_bytes(Encoding.DER))
    parsed["signature_value"] = encode_dss_signature(r, s)
    return x509.load_der_x509_certificate(parsed.dump())


def test_signatures_by_openssl_are_verified() -> None:
    root, sub = map(x509.load_pem_x509_certificate, (FOREIGN_ROOT, FOREIGN_SUB))
    assert is_sm2(root)
    assert is_issued_by_sm2(root, root)
    assert is_issued_by_sm2(sub, root)
    assert not is_issued_by_sm2(root, sub)


def test_only_the_key_that_signed_is_the_issuer() -> None:
    leaf, namesake = SUB.leaf().certificate, ROOT.sub()
    assert is_issued_by_sm2(leaf, SUB.certificate)
    assert not is_issued_by_sm2(leaf, namesake.certificate)
    assert not is_issued_by_sm2(leaf, ROOT.certificate)
    changed = altered(leaf, b"www.example.com", b"www.example.org")
    assert not is_issued_by_sm2(changed, SUB.certificate)


def test_a_signature_of_another_kind_or_shape_does_not_count() -> None:
    leaf = SUB.leaf().certificate
    assert not is_issued_by_sm2(altered(leaf, SM2_SM3, ECDSA), SUB.certificate)
    cut = leaf.public_bytes(Encoding.DER).replace(leaf.signature, bytes(len(leaf.signature)))
    assert not is_issued_by_sm2(x509.load_der_x509_certificate(cut), SUB.certificate)
    for numbers in ((0, 1), (1, 0), (ORDER, 1), (1, 1 << 300)):
        assert not is_issued_by_sm2(with_signature(leaf, *numbers), SUB.certificate)


def test_a_key_off_the_curve_has_no_point_and_signs_nothing() -> None:
    own = compute_public_key(SUB.key)
    for wrong in (own[:-1] + bytes([own[-1] ^ 1]), b"\x05" + own[1:]):
        broken = altered(SUB.certificate, own, wrong)
        assert is_sm2(broken)
        assert read_public_point(broken) is None
        assert not is_issued_by_sm2(SUB.leaf().certificate, broken)
    assert read_public_point(SUB.certificate) == own


def test_other_keys_are_not_of_sm2() -> None:
    assert not is_sm2(CA().leaf().certificate)
    assert not is_sm2(CA().leaf(algorithm="rsa").certificate)
    unknown = altered(SUB.certificate, SM2_CURVE, SM2_CURVE[:-1] + b"\x7f")
    assert not is_sm2(unknown)
    leaf = CA().leaf()
    public = leaf.certificate.public_bytes(Encoding.DER)
    start = public.index(b"\x03\x42\x00\x04") + 4
    damaged = public[:start] + bytes(64) + public[start + 64 :]
    assert not is_sm2(x509.load_der_x509_certificate(damaged))


@pytest.mark.parametrize(
    "written",
    [
        encode_key_pem(KEY),
        encode_key_pem(KEY).replace(b"\n", b"\r\n"),
        encode_key_der(KEY),
        encode_key_der(KEY, SEC1),
        encode_pem("EC PRIVATE KEY", encode_key_der(KEY, SEC1)),
        encode_pem("SM2 PRIVATE KEY", encode_key_der(KEY, SEC1)),
        SUB.pem + encode_pem("EC PARAMETERS", SM2_CURVE) + encode_key_pem(KEY),
    ],
)
def test_a_key_is_read_in_every_common_form_and_written_in_two(written: bytes) -> None:
    key = read_sm2_key(written, "a.key")
    assert key.point == compute_public_key(KEY)
    assert key.pem() == encode_key_pem(KEY)
    assert key.traditional_pem() == encode_pem("EC PRIVATE KEY", encode_key_der(KEY, SEC1))


def refuse_key(data: bytes) -> BadInput:
    with pytest.raises(BadInput) as refused:
        read_sm2_key(data, "a.key")
    assert refused.value.where == "a.key"
    return refused.value


@pytest.mark.parametrize("traditional", [False, True])
def test_an_encrypted_key_is_refused(traditional: bool) -> None:
    assert refuse_key(encrypt_key_pem(KEY, traditional=traditional)).code == "encrypted-sm2-key"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (CA().leaf().key_pem, "not-an-sm2-key"),
        (CA().leaf(key=get_rsa_key()).key_pem, "not-an-sm2-key"),
        (b"-----BEGIN PRIVATE KEY-----\n%%%\n-----END PRIVATE KEY-----", "not-an-sm2-key"),
        (encode_key_pem(KEY)[:-30], "truncated-file"),
        (encode_key_pem(KEY) * 2, "several-private-keys"),
        (SUB.pem, "no-private-key"),
        (encode_key_der(KEY)[:-1], "not-an-sm2-key"),
        (b"", "empty-file"),
    ],
)
def test_a_file_without_exactly_one_whole_sm2_key_is_refused(data: bytes, code: str) -> None:
    assert refuse_key(data).code == code


@pytest.mark.parametrize("number", [0, ORDER - 1, ORDER])
def test_a_number_that_no_key_may_have_is_refused(number: int) -> None:
    own = KEY.private_numbers().private_value.to_bytes(32)
    refused = refuse_key(encode_key_der(KEY).replace(own, number.to_bytes(32)))
    assert refused.code == "not-an-sm2-key"


def test_a_small_number_is_written_at_full_length() -> None:
    own = KEY.private_numbers().private_value.to_bytes(32)
    one = read_sm2_key(encode_key_der(KEY).replace(own, (1).to_bytes(32)), "a.key")
    assert read_sm2_key(one.pem(), "a.key") == one
    assert replace(one, number=2).pem() != one.pem()


def test_a_key_relabelled_as_sm2_is_read_by_its_number_alone() -> None:
    assert read_sm2_key(
        relabel_as_sm2(CA().leaf(key=KEY).key_pem), "a.key"
    ).point == compute_public_key(KEY)


def test_a_key_is_not_shown() -> None:
    key = read_sm2_key(encode_key_pem(KEY), "a.key")
    for text in (repr(key), str(key), f"{[key]}"):
        assert str(key.number) not in text
        assert f"{key.number:x}" not in text


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_key_damaged_anywhere_is_read_or_refused_without_showing_it(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([encode_key_der(KEY), encode_key_der(KEY, SEC1)])))
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    # The text is always the same, so it holds nothing of the file.
    expected = str(refuse_key(CA().leaf().key_pem))
    try:
        read_sm2_key(encode_pem("PRIVATE KEY", bytes(whole)), "a.key")
    except BadInput as refused:
        shown = str(refused), refused.__cause__, refused.__context__
    else:
        return
    assert shown == (expected, None, None)
