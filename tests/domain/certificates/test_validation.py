"""One certificate by itself: fit to be served, or the reason why not."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.certificates.validation import Given, check_strength, common_name, title
from domain.errors import BadInput
from starter.demo.ca import named
from tests.domain.uploads import refusal
from tests.support.factory import CA, DAY, ECDSA, NOW, P256, SM2_SM3, Authority, as_sha1, rsa_key

ISSUING = CA().issuing


def test_a_leaf_signed_over_sha1_is_refused() -> None:
    leaf = Authority.root(key=rsa_key()).leaf()
    message = refusal(leaf, certificate=as_sha1(leaf.leaf_pem))
    assert "'CN=www.example.com' is signed with sha1, which browsers refuse" in message


def test_a_key_on_a_curve_that_is_not_known_is_refused() -> None:
    leaf = ISSUING.leaf()
    der = leaf.certificate.public_bytes(Encoding.DER)
    unknown = der.replace(P256, P256[:-1] + b"\x7f")
    assert "algorithm that is not supported" in refusal(leaf, certificate=unknown)


def test_a_key_that_is_no_point_on_its_curve_is_refused() -> None:
    leaf = ISSUING.leaf()
    der = leaf.certificate.public_bytes(Encoding.DER)
    point = leaf.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    damaged = der.replace(point, point[:1] + bytes(len(point) - 1))
    message = refusal(leaf, certificate=damaged)
    assert "the public key of 'CN=www.example.com' is damaged" in message


def test_a_signature_that_is_not_even_known_is_refused_by_its_number() -> None:
    leaf = ISSUING.leaf()
    unknown = leaf.certificate.public_bytes(Encoding.DER).replace(ECDSA, SM2_SM3)
    message = refusal(leaf, certificate=unknown)
    assert "'CN=www.example.com' is signed with 1.2.156.10197.1.501, which browsers" in message


def test_names_must_stand_where_clients_look() -> None:
    for names in ([], ["f*.example.com"]):
        message = refusal(ISSUING.leaf(names))
        assert "has no usable subject alternative name. Clients ignore the common name" in message


def test_a_certificate_for_clients_is_refused() -> None:
    message = refusal(ISSUING.leaf(for_servers=False))
    assert "is not for servers: its extended key usage lacks serverAuth" in message


def test_a_certificate_without_a_subject_is_called_by_name_or_serial() -> None:
    nobody = x509.Name([])
    assert title(ISSUING.leaf(subject=nobody).certificate) == "'www.example.com'"
    nameless = ISSUING.leaf([], subject=nobody).certificate
    assert title(nameless) == f"'serial {nameless.serial_number:x}'"


def test_a_signature_of_a_kind_that_browsers_lack_is_refused_by_its_number() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    leaf = ISSUING.leaf()
    signed = (
        x509.CertificateBuilder()
        .subject_name(named("x"))
        .issuer_name(named("y"))
        .public_key(leaf.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .sign(key, None)
    )
    with pytest.raises(BadInput, match=r"'CN=x' is signed with 1\.3\.101\.112, which"):
        check_strength(Given(signed, "a.pem"))


@pytest.mark.parametrize(
    ("name", "common"),
    [
        (named("R\x073"), "R\N{REPLACEMENT CHARACTER}3"),
        ("CN=R10,O=Someone\\, Inc.,C=US", "R10"),
        ("O=Someone,C=US", None),
        ("no name at all", None),
        ("", None),
    ],
)
def test_the_common_name_of_an_issuer_is_told_if_it_has_one(
    name: x509.Name | str, common: str | None
) -> None:
    assert common_name(name) == common
