"""An upload becomes a certificate with all its facts, or is refused."""

import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.certificates.certificate import Certificate, FileNames, Source, check_name
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from tests.support.factory import CA, DAY, NOW, Authority, build_self_signed, relabel_as_sm2
from tests.support.uploads import refuse_upload, upload

CA_1 = CA()
LEAF = CA_1.leaf(["www.example.com", "*.example.com"])


def test_every_fact_of_the_leaf_is_read() -> None:
    made, _ = upload(LEAF, source=Source.OFFICIAL)
    own = LEAF.certificate
    assert made.fingerprint == LEAF.fingerprint == own.fingerprint(hashes.SHA256()).hex()
    assert made.short_fingerprint == LEAF.fingerprint[:12]
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


def test_blocks_glued_without_a_line_end_are_separated() -> None:
    glued = LEAF.leaf_pem.rstrip() + LEAF.chain_pem.rstrip() + LEAF.key_pem
    assert upload(LEAF, certificate=glued, key=glued)[0].chain_pem == LEAF.pem.decode()


def test_a_self_signed_leaf_is_its_own_chain_even_if_it_calls_itself_an_authority() -> None:
    for leaf in (build_self_signed(), build_self_signed(ca=True)):
        made, _ = upload(leaf, certificate=leaf.leaf_pem)
        assert made.chain_pem == leaf.leaf_pem.decode()


def test_a_key_of_another_certificate_is_refused() -> None:
    for other in (CA_1.leaf(), CA_1.leaf(algorithm="rsa")):
        refused = refuse_upload(LEAF, key=other.key_pem, files=FileNames(key="other.key"))
        assert (refused.code, refused.where) == ("key-mismatch", "other.key")
        assert "'CN=www.example.com'" in refused.what


def test_an_expired_leaf_is_refused_with_the_times() -> None:
    leaf = CA_1.leaf(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    refused = refuse_upload(leaf, files=FileNames(certificate="old.pem"))
    assert (refused.code, refused.where) == ("expired-certificate", "old.pem")
    for part in ("'CN=www.example.com'", f"{NOW - DAY:%Y-%m-%d %H:%M}", f"{NOW:%Y-%m-%d %H:%M}"):
        assert part in refused.what


def test_a_leaf_of_the_future_is_refused_with_the_times() -> None:
    refused = refuse_upload(CA_1.leaf(not_before=NOW + DAY))
    assert refused.code == "not-yet-valid"
    assert f"{NOW + DAY:%Y-%m-%d %H:%M} UTC" in refused.what


def test_validity_includes_its_first_and_last_second() -> None:
    own = LEAF.certificate
    for edge in (own.not_valid_before_utc, own.not_valid_after_utc):
        assert upload(LEAF, now=edge)
    late = refuse_upload(LEAF, now=own.not_valid_after_utc + timedelta(seconds=1))
    assert late.code == "expired-certificate"
    early = refuse_upload(LEAF, now=own.not_valid_before_utc - timedelta(seconds=1))
    assert early.code == "not-yet-valid"


def test_half_of_an_sm2_pair_is_refused() -> None:
    for half in (
        {"certificate": relabel_as_sm2(LEAF.leaf_pem)},
        {"key": relabel_as_sm2(LEAF.key_pem)},
    ):
        assert refuse_upload(LEAF, **half).code == "sm2-pair-required"


def test_a_leaf_with_addresses_only_is_taken() -> None:
    leaf = CA_1.issuing.leaf([], addresses=["192.0.2.1", "2001:db8::1", "192.0.2.1"])
    made, _ = upload(leaf, certificate=leaf.leaf_pem + CA_1.intermediate_pem)
    assert (made.names, made.addresses) == ((), ("192.0.2.1", "2001:db8::1"))


def test_names_that_no_client_accepts_are_left_out_and_each_is_listed_once() -> None:
    names = ["WWW.example.com", "www.example.com", "f*.example.com", "*.com"]
    leaf = CA_1.leaf(names)
    assert upload(leaf)[0].names == ("www.example.com",)


@pytest.mark.parametrize("name", ["a", "x" * 63, "main 2030", "Büro", "a.b_c-d/e", "カタカナ"])
def test_a_name_that_every_store_accepts_is_kept(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("", ""),
        (" ", "' '"),
        (" a", "' a'"),
        ("a\n", r"'a\n'"),
        ("x" * 64, "64"),
        ("证书", "'证'"),
        ("main-書", "'書'"),
        ("\N{CJK COMPATIBILITY IDEOGRAPH-F900}", "\N{CJK COMPATIBILITY IDEOGRAPH-F900}"),
        ("a\x00b", r"'\x00'"),
        ("a\x1b[2J", r"'\x1b'"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b", r"'\u202e'"),
    ],
)
def test_a_name_that_a_store_would_refuse_is_refused_with_the_wrong_part(
    name: str, part: str
) -> None:
    refused = refuse_upload(LEAF, name=name)
    assert refused.code == "invalid-certificate-name"
    assert part in refused.what
    assert "63" in (refused.fix or "")
    assert str(refused).isprintable()


def test_with_roots_the_chain_must_end_at_one_of_them() -> None:
    other = Authority.root("Other").pem
    made, _ = upload(LEAF)
    assert upload(LEAF, roots=other + CA_1.root_pem)[0] == made
    refused = refuse_upload(LEAF, roots=other)
    assert refused.code == "incomplete-chain"
    assert "'CN=certroll practice root'" in refused.what
    empty = refuse_upload(LEAF, roots=b"", files=FileNames(roots="roots.pem"))
    assert (empty.code, empty.where) == ("empty-file", "roots.pem")


def test_terminal_tricks_in_a_subject_do_not_reach_the_message() -> None:
    evil = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a\x1b]0 owned\x07b")])
    leaf = CA_1.issuing.leaf(subject=evil, issuer_url="http://x/\x1b[2J")
    refused = refuse_upload(leaf, certificate=leaf.leaf_pem)
    assert "a\N{REPLACEMENT CHARACTER}]0 owned" in refused.what
    assert str(refused).isprintable()


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
