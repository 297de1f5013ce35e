"""An SM2 pair becomes one certificate, or one clear refusal."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Certificate, Files, Source
from domain.certificates.keys import Algorithm, PrivateKey
from domain.certificates.sm2_pair import parse_pair
from domain.errors import BadInput
from starter.demo.ca import pem_of
from tests.domain.uploads import refusal as refusal_alone
from tests.support.factory import CA, DAY, ECDSA, NOW, SM2_SM3, armour
from tests.support.sm2_factory import Sm2Authority, Sm2Leaf, key_der, make, may_encrypt, point

ROOT = Sm2Authority.root()
ISSUER = ROOT.sub()
NAMES = ["www.example.com", "*.example.com"]
SIGN, ENCRYPT = ISSUER.leaf(NAMES), ISSUER.leaf(NAMES, key_usage=may_encrypt())
FILES = Files("sign.pem", "chain.pem", "sign.key", "roots.pem", "enc.pem", "enc.key")


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
    return parse_pair("main", **(proper | changed))


def refusal(sign: Sm2Leaf = SIGN, encrypt: Sm2Leaf = ENCRYPT, **changed: Any) -> str:
    with pytest.raises(BadInput) as refused:
        parse(sign, encrypt, **changed)
    assert refused.value.fix
    assert refused.value.__cause__ is refused.value.__context__ is None
    for leaf in (sign, encrypt):
        lines = leaf.key_pem.decode().splitlines()[1:-1]
        assert not any(line in str(refused.value) for line in lines)
    return str(refused.value)


def test_it_is_told_by_the_half_that_signs() -> None:
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
    assert key.pair() == (SIGN.key_pem, ENCRYPT.key_pem)
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
        {"key": key_der(SIGN.key)},
        {"roots": ROOT.pem},
    ],
)
def test_files_may_be_split_in_other_ways(changed: dict[str, Any]) -> None:
    assert parse(**changed)[0] == parse()[0]


def test_keys_of_others_do_not_match_either_half() -> None:
    told = "the private key does not match 'CN=www.example.com'"
    assert f"sign.key: {told}" in refusal(key=ENCRYPT.key_pem)
    assert f"enc.key: {told}" in refusal(encrypt_key=SIGN.key_pem)
    assert "sign.key: is no SM2 key" in refusal(key=CA().leaf().key_pem)


def test_halves_of_different_names_are_refused() -> None:
    other = ISSUER.leaf(["shop.example.com"], key_usage=may_encrypt())
    assert refusal(encrypt=other).startswith(
        "enc.pem: 'CN=shop.example.com' is for other names than 'CN=www.example.com': "
        "shop.example.com instead of *.example.com, www.example.com."
    )


def test_halves_of_different_issuers_are_refused() -> None:
    elsewhere = ROOT.sub("Other CA")
    other = elsewhere.leaf(NAMES, key_usage=may_encrypt())
    message = refusal(encrypt=other, chain=ISSUER.pem + elsewhere.pem)
    assert "was issued by 'CN=Other CA', the certificate that signs by 'CN=SM CA'" in message


def test_halves_that_changed_places_are_told_apart() -> None:
    assert refusal(ENCRYPT, SIGN).startswith("sign.pem: 'CN=www.example.com' may not sign")
    assert refusal(SIGN, ISSUER.leaf(NAMES)).startswith("enc.pem: 'CN=www.example.com' may not enc")
    assert "is given as both halves of the pair" in refusal(SIGN, SIGN)


def test_a_half_that_does_not_say_its_uses_may_have_any() -> None:
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
    issuer = ISSUER.certificate.subject
    halves = [
        Sm2Leaf(make(NAMES[0], leaf.key, issuer, ISSUER.key, [names]), leaf.key)
        for leaf in (SIGN, ENCRYPT)
    ]
    assert parse(*halves)


@pytest.mark.parametrize("half", ["sign", "encrypt"])
def test_each_half_must_be_valid_now(half: str) -> None:
    usage = may_encrypt() if half == "encrypt" else None
    for when, told in (
        ({"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "expired on"),
        ({"not_before": NOW + DAY}, "is not valid before"),
    ):
        message = refusal(**{half: ISSUER.leaf(NAMES, key_usage=usage, **when)})
        assert message.startswith("sign.pem" if half == "sign" else "enc.pem")
        assert told in message


def test_the_chain_must_be_complete_and_of_sm2() -> None:
    assert "'CN=SM CA', whose certificate is missing" in refusal(chain=None)
    assert "was not signed by the 'CN=SM CA' given" in refusal(chain=ROOT.sub().pem)
    assert "does not belong to the chain" in refusal(chain=ISSUER.pem + CA().root_pem)
    assert "whose certificate is missing" in refusal(roots=CA().root_pem)


def test_an_issuer_that_is_no_authority_is_refused() -> None:
    key, root = ISSUER.key, ROOT.certificate.subject
    plain = pem_of(make("SM CA", key, root, ROOT.key, [x509.BasicConstraints(False, None)]))
    silent = pem_of(make("SM CA", key, root, ROOT.key, []))
    for chain in (plain, silent):
        assert "'CN=SM CA' issued 'CN=www.example.com', but is no authority" in refusal(chain=chain)
    third = ISSUER.leaf(["shop.example.com"]).pem
    assert "holds 2 server certificates" in refusal(chain=ISSUER.pem + third)


def test_other_certificates_have_no_second_half() -> None:
    leaf = CA().leaf()
    message = refusal(certificate=leaf.pem, key=leaf.key_pem)
    assert message.startswith("sign.pem: 'CN=www.example.com' is not of SM2, and only SM2")
    assert "enc.pem" in refusal(encrypt_certificate=leaf.pem)


def test_one_half_alone_is_refused_with_the_way_to_upload_both() -> None:
    leaf = CA().leaf()
    for changed in ({"certificate": SIGN.pem, "chain": ISSUER.pem}, {"key": SIGN.key_pem}):
        message = refusal_alone(leaf, **changed)
        assert "made for SM2, whose certificates come in pairs. Upload both" in message


def test_a_damaged_point_and_a_signature_of_another_kind_are_refused() -> None:
    der, own = SIGN.certificate.public_bytes(Encoding.DER), point(SIGN.key)
    damaged = armour("CERTIFICATE", der.replace(own, own[:-1] + bytes([own[-1] ^ 1])))
    assert "the public key of 'CN=www.example.com' is damaged" in refusal(certificate=damaged)
    foreign = armour("CERTIFICATE", der.replace(SM2_SM3, ECDSA))
    assert "has an SM2 key, but is signed with 1.2.840.10045.4.3.2, not with SM3" in refusal(
        certificate=foreign
    )
