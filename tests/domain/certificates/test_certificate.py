"""An upload becomes a certificate with all its facts, or one clear refusal."""

import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.certificates.certificate import Certificate, Files, Source, check_name
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from tests.domain.uploads import refusal, upload
from tests.support.factory import CA, DAY, NOW, Authority, as_sm2, self_signed

CA_1 = CA()
LEAF = CA_1.leaf(["www.example.com", "*.example.com"])


def test_every_fact_of_the_leaf_is_told() -> None:
    made, _ = upload(LEAF, source=Source.OFFICIAL)
    own = LEAF.certificate
    assert made.fingerprint == LEAF.fingerprint == own.fingerprint(hashes.SHA256()).hex()
    assert made.short == LEAF.fingerprint[:12]
    assert made.sha1 == own.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - how stores list it
    assert made.name == "main"
    assert made.names == ("www.example.com", "*.example.com")
    assert (made.algorithm, made.key_bits) == (Algorithm.EC, 256)
    assert made.serial == hex(own.serial_number)[2:]
    assert made.subject == "CN=www.example.com"
    assert made.issuer == "CN=certroll practice CA 1"
    assert made.not_before == own.not_valid_before_utc
    assert made.not_after == own.not_valid_after_utc
    assert made.source is Source.OFFICIAL


def test_chain_and_key_come_out_as_they_went_in() -> None:
    made, key = upload(LEAF)
    assert made.chain_pem == LEAF.pem.decode()
    assert made.leaf_pem == LEAF.leaf_pem.decode()
    assert key.pem() == LEAF.key_pem


@pytest.mark.parametrize(
    ("algorithm", "bits"), [("rsa", 2048), ("rsa", 3072), ("ec", 256), ("ec", 384)]
)
def test_common_kinds_of_keys_are_taken(algorithm: str, bits: int) -> None:
    made, _ = upload(CA_1.leaf(algorithm=algorithm, key_bits=bits))
    assert (made.algorithm, made.key_bits) == (algorithm, bits)


def test_it_survives_json_and_refuses_times_without_a_zone() -> None:
    made, _ = upload(LEAF)
    assert Certificate.model_validate_json(made.model_dump_json()) == made
    naive = json.loads(made.model_dump_json()) | {"not_after": "2030-01-01T00:00:00"}
    with pytest.raises(ValueError, match="timezone"):
        Certificate.model_validate(naive)


def test_windows_line_ends_blank_lines_and_text_around_are_normalised() -> None:
    messy = b"\xef\xbb\xbfsubject=x\r\n" + LEAF.pem.replace(b"\n", b"\r\n\r\n") + b"\r\n trailer"
    assert upload(LEAF, certificate=messy)[0].chain_pem == LEAF.pem.decode()


def test_chain_may_be_in_a_second_file_or_in_both() -> None:
    expected, _ = upload(LEAF)
    for certificate in (LEAF.leaf_pem, LEAF.pem):
        assert upload(LEAF, certificate=certificate, chain=LEAF.chain_pem)[0] == expected


def test_everything_may_be_in_one_file() -> None:
    one = LEAF.key_pem + LEAF.pem
    assert upload(LEAF, certificate=one, key=one)[0].fingerprint == LEAF.fingerprint


def test_files_glued_without_a_line_end_are_told_apart() -> None:
    glued = LEAF.leaf_pem.rstrip() + LEAF.chain_pem.rstrip() + LEAF.key_pem
    assert upload(LEAF, certificate=glued, key=glued)[0].chain_pem == LEAF.pem.decode()


def test_a_self_signed_leaf_is_its_own_chain_even_if_it_calls_itself_an_authority() -> None:
    for leaf in (self_signed(), self_signed(ca=True)):
        made, _ = upload(leaf, certificate=leaf.leaf_pem)
        assert made.chain_pem == leaf.leaf_pem.decode()


def test_a_key_of_another_certificate_is_refused() -> None:
    for other in (CA_1.leaf(), CA_1.leaf(algorithm="rsa")):
        message = refusal(LEAF, key=other.key_pem, files=Files(key="other.key"))
        assert message.startswith("other.key: the private key does not match 'CN=www.example.com'")


def test_an_expired_leaf_is_refused_with_the_times() -> None:
    leaf = CA_1.leaf(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    message = refusal(leaf, files=Files(certificate="old.pem"))
    assert message.startswith("old.pem: 'CN=www.example.com' expired on ")
    assert f"{NOW - DAY:%Y-%m-%d %H:%M} UTC; it is {NOW:%Y-%m-%d %H:%M} UTC" in message


def test_a_leaf_of_the_future_is_refused_with_the_times() -> None:
    message = refusal(CA_1.leaf(not_before=NOW + DAY))
    assert f"is not valid before {NOW + DAY:%Y-%m-%d %H:%M} UTC" in message


def test_validity_includes_its_first_and_last_second() -> None:
    own = LEAF.certificate
    for edge in (own.not_valid_before_utc, own.not_valid_after_utc):
        assert upload(LEAF, now=edge)
    assert "expired" in refusal(LEAF, now=own.not_valid_after_utc + timedelta(seconds=1))


def test_half_of_an_sm2_pair_is_refused_by_name() -> None:
    told = "made for SM2, whose certificates come in pairs"
    assert told in refusal(LEAF, certificate=as_sm2(LEAF.leaf_pem))
    assert told in refusal(LEAF, key=as_sm2(LEAF.key_pem))


def test_a_leaf_with_addresses_only_is_taken() -> None:
    leaf = CA_1.issuing.leaf([], addresses=["192.0.2.1", "2001:db8::1", "192.0.2.1"])
    made, _ = upload(leaf, certificate=leaf.leaf_pem + CA_1.intermediate_pem)
    assert (made.names, made.addresses) == ((), ("192.0.2.1", "2001:db8::1"))


def test_names_that_no_client_accepts_are_left_out_and_each_is_told_once() -> None:
    names = ["WWW.example.com", "www.example.com", "f*.example.com", "*.com"]
    leaf = CA_1.leaf(names)
    assert upload(leaf)[0].names == ("www.example.com",)


@pytest.mark.parametrize("name", ["a", "x" * 63, "main 2030", "Büro", "a.b_c-d/e", "カタカナ"])
def test_names_that_every_store_takes(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("", "is empty"),
        (" ", "begins or ends with a space"),
        (" a", "begins or ends with a space"),
        ("a\n", "begins or ends with a space"),
        ("x" * 64, "has 64 characters, too long"),
        ("证书", "the Chinese character '证'"),
        ("main-書", "the Chinese character '書'"),
        ("\N{CJK COMPATIBILITY IDEOGRAPH-F900}", "the Chinese character"),
        ("a\x00b", r"the unprintable character '\x00'"),
        ("a\x1b[2J", r"the unprintable character '\x1b'"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", r"the unprintable character '\u202e'"),
    ],
)
def test_names_that_a_store_would_refuse(name: str, complaint: str) -> None:
    message = refusal(LEAF, name=name)
    assert complaint in message
    assert "Take 1 to 63 characters" in message
    assert message.isprintable()


def test_with_roots_the_chain_must_end_at_one_of_them() -> None:
    other = Authority.root("Other").pem
    made, _ = upload(LEAF)
    assert upload(LEAF, roots=other + CA_1.root_pem)[0] == made
    assert "'CN=certroll practice root', whose certificate is missing" in refusal(LEAF, roots=other)
    assert "roots.pem: the file is empty" in refusal(
        LEAF, roots=b"", files=Files(roots="roots.pem")
    )


def test_terminal_tricks_in_a_subject_do_not_reach_the_message() -> None:
    evil = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a\x1b]0 owned\x07b")])
    leaf = CA_1.issuing.leaf(subject=evil, issuer_url="http://x/\x1b[2J")
    message = refusal(leaf, certificate=leaf.leaf_pem)
    assert "a\N{REPLACEMENT CHARACTER}]0 owned" in message
    assert message.isprintable()


# Damage may hit the serial number, and a negative one is warned of.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_file_damaged_anywhere_gives_the_certificate_or_a_refusal(data: st.DataObject) -> None:
    name, whole = data.draw(st.sampled_from([("certificate", LEAF.pem), ("key", LEAF.key_pem)]))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.just(len(damaged)) | st.integers(0, len(damaged)))
    try:
        made, _ = upload(LEAF, **{name: bytes(damaged[:cut])})
    except BadInput as refused:
        message = str(refused)
    else:
        message = made.name
    assert not any(line in message for line in LEAF.key_pem.decode().splitlines()[1:-1])
