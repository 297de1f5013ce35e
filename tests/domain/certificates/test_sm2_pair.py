"""An SM2 pair becomes one certificate, or is refused."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Certificate, FileNames, Source
from domain.certificates.keys import Algorithm, PrivateKey
from domain.certificates.sm2_pair import parse_sm2_pair
from domain.errors import BadInput
from starter.demo.ca import to_pem
from tests.support.factory import CA, DAY, ECDSA, NOW, SM2_SM3, encode_pem
from tests.support.sm2_factory import (
    Sm2Authority,
    Sm2Leaf,
    build_encryption_key_usage,
    build_sm2_certificate,
    compute_public_key,
    encode_key_der,
)
from tests.support.uploads import get_refusal, refuse_upload

ROOT = Sm2Authority.root()
ISSUER = ROOT.sub()
NAMES = ["www.example.com", "*.example.com"]
SIGN, ENCRYPT = ISSUER.leaf(NAMES), ISSUER.leaf(NAMES, key_usage=build_encryption_key_usage())
FILES = FileNames("sign.pem", "chain.pem", "sign.key", "roots.pem", "enc.pem", "enc.key")


def parse(
    sign: Sm2Leaf = SIGN, encrypt: Sm2Leaf = ENCRYPT, **changed: Any
) -> tuple[Certificate, PrivateKey]:
    proper: dict[str, Any] = {
        "certificate": sign.pem,
        "key": sign.key_pem,
        "encrypt_certificate": encrypt.pem,
        "encrypt_key": encrypt.key_pem,
        "chain": ISSUER.pem,
        "now": NOW,
        "files": FILES,
    }
    return parse_sm2_pair("main", **(proper | changed))


def refuse(sign: Sm2Leaf = SIGN, encrypt: Sm2Leaf = ENCRYPT, **changed: Any) -> BadInput:
    refused = get_refusal(lambda: parse(sign, encrypt, **changed), sign.key_pem, encrypt.key_pem)
    assert refused.__cause__ is refused.__context__ is None
    return refused


def refuse_code(
    sign: Sm2Leaf = SIGN, encrypt: Sm2Leaf = ENCRYPT, **changed: Any
) -> tuple[str, str | None]:
    """The code of the refusal and the file that it names."""
    refused = refuse(sign, encrypt, **changed)
    return refused.code, refused.where


def test_the_fields_describe_the_half_that_signs() -> None:
    made, key = parse(source=Source.OFFICIAL)
    own = SIGN.certificate
    assert (made.algorithm, made.key_bits) == (Algorithm.SM2, 256)
    assert made.names == tuple(NAMES)
    assert made.serial == f"{own.serial_number:x}"
    assert made.source is Source.OFFICIAL
    assert made.issuer == "CN=SM CA"
    assert made.chain_pem == (SIGN.pem + ISSUER.pem).decode()
    assert made.encrypt_pem == ENCRYPT.pem.decode()
    assert made.encrypt_fingerprint not in (None, made.fingerprint)
    assert key.split_pair() == (SIGN.key_pem, ENCRYPT.key_pem)
    assert repr(key) == "PrivateKey(hidden)"


def test_it_survives_json_and_others_have_no_second_half() -> None:
    made, _ = parse()
    assert Certificate.model_validate_json(made.model_dump_json()) == made
    dumped = made.model_dump(exclude={"encrypt_pem", "encrypt_fingerprint"})
    assert Certificate.model_validate(dumped).encrypt_pem is None


@pytest.mark.parametrize(
    "changed",
    [
        {"chain": ROOT.pem + ISSUER.pem},
        {"chain": None, "certificate": SIGN.pem + ISSUER.pem},
        {"chain": None, "encrypt_certificate": ISSUER.pem + ENCRYPT.pem},
        {"certificate": SIGN.key_pem + SIGN.pem, "key": SIGN.key_pem + SIGN.pem},
        {"key": encode_key_der(SIGN.key)},
        {"roots": ROOT.pem},
    ],
)
def test_files_may_be_split_in_other_ways(changed: dict[str, Any]) -> None:
    assert parse(**changed)[0] == parse()[0]


def test_keys_of_others_do_not_match_either_half() -> None:
    assert refuse_code(key=ENCRYPT.key_pem) == ("key-mismatch", "sign.key")
    assert refuse_code(encrypt_key=SIGN.key_pem) == ("key-mismatch", "enc.key")
    assert refuse_code(key=CA().leaf().key_pem) == ("not-an-sm2-key", "sign.key")


def test_halves_of_different_names_are_refused() -> None:
    other = ISSUER.leaf(["shop.example.com"], key_usage=build_encryption_key_usage())
    refused = refuse(encrypt=other)
    assert (refused.code, refused.where) == ("pair-names-differ", "enc.pem")
    assert "shop.example.com instead of *.example.com, www.example.com" in refused.what


def test_halves_of_different_issuers_are_refused() -> None:
    elsewhere = ROOT.sub("Other CA")
    other = elsewhere.leaf(NAMES, key_usage=build_encryption_key_usage())
    refused = refuse(encrypt=other, chain=ISSUER.pem + elsewhere.pem)
    assert refused.code == "pair-issuers-differ"
    assert all(name in refused.what for name in ("'CN=Other CA'", "'CN=SM CA'"))


def test_swapped_or_equal_halves_are_refused() -> None:
    assert refuse_code(ENCRYPT, SIGN) == ("may-not-sign", "sign.pem")
    assert refuse_code(SIGN, ISSUER.leaf(NAMES)) == ("may-not-encrypt", "enc.pem")
    assert refuse_code(SIGN, SIGN) == ("same-certificate-twice", "enc.pem")


def test_a_half_that_does_not_say_its_uses_may_have_any() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
    issuer = ISSUER.certificate.subject
    halves = [
        Sm2Leaf(build_sm2_certificate(NAMES[0], leaf.key, issuer, ISSUER.key, [names]), leaf.key)
        for leaf in (SIGN, ENCRYPT)
    ]
    assert parse(*halves)


@pytest.mark.parametrize("half", ["sign", "encrypt"])
def test_each_half_must_be_valid_now(half: str) -> None:
    usage = build_encryption_key_usage() if half == "encrypt" else None
    file = "sign.pem" if half == "sign" else "enc.pem"
    for when, code in (
        ({"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "expired-certificate"),
        ({"not_before": NOW + DAY}, "not-yet-valid"),
    ):
        refused = refuse_code(**{half: ISSUER.leaf(NAMES, key_usage=usage, **when)})
        assert refused == (code, file)


def test_the_chain_must_be_complete_and_of_sm2() -> None:
    incomplete = refuse(chain=None)
    assert (incomplete.code, "'CN=SM CA'" in incomplete.what) == ("incomplete-chain", True)
    assert refuse(chain=ROOT.sub().pem).code == "wrong-issuer"
    assert refuse(chain=ISSUER.pem + CA().root_pem).code == "unrelated-certificate"
    assert refuse(roots=CA().root_pem).code == "incomplete-chain"


def test_an_issuer_that_is_not_an_authority_is_refused() -> None:
    key, root = ISSUER.key, ROOT.certificate.subject
    plain = to_pem(
        build_sm2_certificate("SM CA", key, root, ROOT.key, [x509.BasicConstraints(False, None)])
    )
    silent = to_pem(build_sm2_certificate("SM CA", key, root, ROOT.key, []))
    for chain in (plain, silent):
        refused = refuse(chain=chain)
        assert refused.code == "issuer-not-an-authority"
        assert "'CN=SM CA' issued 'CN=www.example.com'" in refused.what
    third = ISSUER.leaf(["shop.example.com"]).pem
    assert refuse(chain=ISSUER.pem + third).code == "several-server-certificates"


def test_other_certificates_have_no_second_half() -> None:
    leaf = CA().leaf()
    code = "not-an-sm2-certificate"
    assert refuse_code(certificate=leaf.pem, key=leaf.key_pem) == (code, "sign.pem")
    assert refuse_code(encrypt_certificate=leaf.pem) == (code, "enc.pem")


def test_one_half_alone_is_refused_with_the_options_for_both() -> None:
    leaf = CA().leaf()
    for changed in ({"certificate": SIGN.pem, "chain": ISSUER.pem}, {"key": SIGN.key_pem}):
        refused = refuse_upload(leaf, **changed)
        assert refused.code == "sm2-pair-required"
        assert all(
            each in (refused.fix or "") for each in ("--encrypt-certificate", "--encrypt-key")
        )


def test_a_damaged_point_and_a_signature_of_another_kind_are_refused() -> None:
    der, own = SIGN.certificate.public_bytes(Encoding.DER), compute_public_key(SIGN.key)
    damaged = encode_pem("CERTIFICATE", der.replace(own, own[:-1] + bytes([own[-1] ^ 1])))
    assert refuse(certificate=damaged).code == "damaged-certificate"
    foreign = encode_pem("CERTIFICATE", der.replace(SM2_SM3, ECDSA))
    refused = refuse(certificate=foreign)
    assert refused.code == "not-signed-with-sm3"
    assert "1.2.840.10045.4.3.2" in refused.what
