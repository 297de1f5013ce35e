"""A single certificate is fit to be served, or is refused."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.certificates.validation import (
    InputCertificate,
    check_strength,
    describe_certificate,
    get_common_name,
)
from domain.errors import BadInput
from starter.demo.ca import build_name
from tests.support.factory import (
    CA,
    DAY,
    ECDSA,
    NOW,
    P256,
    SM2_SM3,
    Authority,
    get_rsa_key,
    relabel_as_sha1,
)
from tests.support.uploads import refuse_upload

ISSUING = CA().issuing


def test_a_leaf_signed_over_sha1_is_refused() -> None:
    leaf = Authority.root(key=get_rsa_key()).leaf()
    refused = refuse_upload(leaf, certificate=relabel_as_sha1(leaf.leaf_pem))
    assert refused.code == "weak-signature"
    assert "'CN=www.example.com' is signed with sha1" in refused.what


def test_a_key_on_an_unknown_curve_is_refused() -> None:
    leaf = ISSUING.leaf()
    der = leaf.certificate.public_bytes(Encoding.DER)
    unknown = der.replace(P256, P256[:-1] + b"\x7f")
    assert refuse_upload(leaf, certificate=unknown).code == "unsupported-algorithm"


def test_a_key_off_its_curve_is_refused() -> None:
    leaf = ISSUING.leaf()
    der = leaf.certificate.public_bytes(Encoding.DER)
    point = leaf.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    damaged = der.replace(point, point[:1] + bytes(len(point) - 1))
    refused = refuse_upload(leaf, certificate=damaged)
    assert refused.code == "damaged-certificate"
    assert "'CN=www.example.com'" in refused.what


def test_an_unknown_signature_algorithm_is_refused_by_its_number() -> None:
    leaf = ISSUING.leaf()
    unknown = leaf.certificate.public_bytes(Encoding.DER).replace(ECDSA, SM2_SM3)
    refused = refuse_upload(leaf, certificate=unknown)
    assert refused.code == "weak-signature"
    assert "1.2.156.10197.1.501" in refused.what


def test_a_certificate_without_a_usable_alternative_name_is_refused() -> None:
    for names in ([], ["f*.example.com"]):
        assert refuse_upload(ISSUING.leaf(names)).code == "no-usable-name"


def test_a_certificate_for_clients_is_refused() -> None:
    assert refuse_upload(ISSUING.leaf(for_servers=False)).code == "not-for-servers"


def test_a_certificate_without_a_subject_is_called_by_name_or_serial() -> None:
    nobody = x509.Name([])
    assert describe_certificate(ISSUING.leaf(subject=nobody).certificate) == "'www.example.com'"
    nameless = ISSUING.leaf([], subject=nobody).certificate
    assert describe_certificate(nameless) == f"'serial {nameless.serial_number:x}'"


def test_a_signature_that_browsers_do_not_support_is_refused_by_its_number() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    leaf = ISSUING.leaf()
    signed = (
        x509.CertificateBuilder()
        .subject_name(build_name("x"))
        .issuer_name(build_name("y"))
        .public_key(leaf.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, None)
    )
    with pytest.raises(BadInput) as refused:
        check_strength(InputCertificate(signed, "a.pem"))
    assert (refused.value.code, refused.value.where) == ("weak-signature", "a.pem")
    assert "'CN=x' is signed with 1.3.101.112" in refused.value.what


@pytest.mark.parametrize(
    ("name", "common"),
    [
        (build_name("R\x073"), "R\N{REPLACEMENT CHARACTER}3"),
        ("CN=R10,O=Someone\\, Inc.,C=US", "R10"),
        ("O=Someone,C=US", None),
        ("no name at all", None),
        ("", None),
    ],
)
def test_the_common_name_of_an_issuer_is_read_if_it_has_one(
    name: x509.Name | str, common: str | None
) -> None:
    assert get_common_name(name) == common
