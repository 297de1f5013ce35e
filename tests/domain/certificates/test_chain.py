"""Certificates in any order become one chain, or are refused with the reason."""

import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID as Access

from domain.certificates.certificate import FileNames
from starter.demo.ca import Key, build_name, to_pem
from tests.support.factory import (
    DAY,
    NOW,
    Authority,
    build_self_signed,
    get_rsa_key,
    relabel_as_sha1,
    relabel_as_sm2,
)
from tests.support.uploads import refuse_upload, upload

ROOT = Authority.root("Root")
MIDDLE = ROOT.sub("Middle")
LOW = MIDDLE.sub("Low")
LEAF = LOW.leaf()
STRANGER = Authority.root("Stranger")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_certificates_in_any_order_become_a_chain_without_the_root(order: tuple[int, ...]) -> None:
    parts = [LEAF.leaf_pem, LOW.pem, MIDDLE.pem, ROOT.pem]
    made, _ = upload(LEAF, certificate=b"".join(parts[index] for index in order))
    assert made.chain_pem.encode() == LEAF.leaf_pem + LOW.pem + MIDDLE.pem


def test_leaf_and_chain_files_may_be_mixed_up() -> None:
    made, _ = upload(LEAF, certificate=LOW.pem + MIDDLE.pem, chain=LEAF.leaf_pem)
    assert made.chain_pem.encode() == LEAF.pem


def test_a_leaf_straight_from_a_root_is_complete_with_it() -> None:
    leaf = ROOT.leaf()
    expected = leaf.leaf_pem.decode()
    assert upload(leaf, certificate=leaf.leaf_pem + ROOT.pem)[0].chain_pem == expected
    assert upload(leaf, certificate=leaf.leaf_pem, roots=ROOT.pem)[0].chain_pem == expected


def test_a_leaf_alone_is_incomplete_and_the_missing_issuer_is_named() -> None:
    leaf = LOW.leaf(issuer_url="http://ca.example/low.cer")
    refused = refuse_upload(
        leaf, certificate=leaf.leaf_pem, files=FileNames(certificate="leaf.pem")
    )
    assert (refused.code, refused.where) == ("incomplete-chain", "leaf.pem")
    assert "'CN=www.example.com'" in refused.what
    assert "'CN=Low'" in refused.what
    assert "http://ca.example/low.cer" in (refused.fix or "")
    assert "http" not in (refuse_upload(LEAF, certificate=LEAF.leaf_pem).fix or "")


def test_an_issuer_address_that_is_not_a_url_is_not_offered() -> None:
    entries = [
        x509.AccessDescription(
            Access.OCSP,
            x509.UniformResourceIdentifier("http://ocsp.example"),
        ),
        x509.AccessDescription(Access.CA_ISSUERS, x509.DNSName("ca.example")),
    ]
    leaf = LOW.leaf(extra=[x509.AuthorityInformationAccess(entries)])
    refused = refuse_upload(leaf, certificate=leaf.leaf_pem)
    assert refused.code == "incomplete-chain"
    assert "ca.example" not in str(refused)


def test_a_gap_in_the_middle_names_what_does_not_fit_and_what_may_be_missing() -> None:
    refused = refuse_upload(LEAF, certificate=LEAF.leaf_pem + LOW.pem, chain=ROOT.pem)
    assert (refused.code, refused.where) == ("unrelated-certificate", "chain file")
    assert "'CN=Root'" in refused.what
    assert "'CN=Low': 'CN=Middle'" in (refused.fix or "")


def test_unrelated_certificates_are_refused_by_name() -> None:
    refused = refuse_upload(LEAF, chain=STRANGER.pem)
    assert refused.code == "unrelated-certificate"
    assert "'CN=Stranger'" in refused.what
    alone = build_self_signed()
    refused = refuse_upload(alone, certificate=alone.leaf_pem, chain=ROOT.pem)
    assert refused.code == "unrelated-certificate"


def test_an_authority_of_the_same_name_with_another_key_is_refused() -> None:
    impostor = MIDDLE.sub("Low")
    refused = refuse_upload(LEAF, certificate=LEAF.leaf_pem + impostor.pem + MIDDLE.pem)
    assert refused.code == "wrong-issuer"
    assert "'CN=www.example.com'" in refused.what
    assert "'CN=Low'" in refused.what


def test_two_leaves_are_refused_by_name() -> None:
    other = LOW.leaf(["shop.example.com"])
    refused = refuse_upload(LEAF, certificate=LEAF.pem + other.leaf_pem)
    assert refused.code == "several-server-certificates"
    assert "'CN=www.example.com', 'CN=shop.example.com'" in refused.what


def test_authorities_without_a_leaf_are_refused_by_name() -> None:
    refused = refuse_upload(LEAF, certificate=LOW.pem + MIDDLE.pem)
    assert refused.code == "no-server-certificate"
    assert "'CN=Low', 'CN=Middle'" in refused.what
    assert refuse_upload(LEAF, certificate=LOW.pem).code == "no-server-certificate"


def test_an_issuer_that_is_not_an_authority_is_refused() -> None:
    fake = ROOT.sub("Fake", ca=False)
    leaf = fake.leaf()
    refused = refuse_upload(leaf, certificate=leaf.leaf_pem + fake.pem + ROOT.pem)
    assert refused.code == "issuer-not-an-authority"
    assert "'CN=Fake' issued 'CN=www.example.com'" in refused.what


@pytest.mark.parametrize(
    ("authority", "code", "name"),
    [
        (
            ROOT.sub("Old", not_before=NOW - 9 * DAY, not_after=NOW - DAY),
            "expired-certificate",
            "'CN=Old'",
        ),
        (ROOT.sub("New", not_before=NOW + DAY), "not-yet-valid", "'CN=New'"),
        (ROOT.sub("Mute", may_sign=False), "issuer-not-allowed", "'CN=Mute'"),
        (ROOT.sub("Weak", key=get_rsa_key(1024)), "unsupported-key-size", "'CN=Weak'"),
    ],
)
def test_an_intermediate_that_clients_refuse_is_refused_by_name(
    authority: Authority, code: str, name: str
) -> None:
    refused = refuse_upload(authority.leaf())
    assert refused.code == code
    assert name in refused.what


def test_an_authority_may_not_issue_deeper_than_it_is_allowed() -> None:
    shallow = ROOT.sub("Shallow", path_length=0)
    assert upload(shallow.leaf())
    refused = refuse_upload(shallow.sub("Deep").leaf())
    assert refused.code == "issuer-not-allowed"
    assert "'CN=Shallow'" in refused.what
    assert upload(ROOT.sub("Enough", path_length=1).sub("Deep").leaf())


def test_an_intermediate_signed_over_sha1_is_refused_and_a_root_is_not() -> None:
    root = Authority.root("RSA root", key=get_rsa_key())
    low = root.sub("RSA low")
    leaf = low.leaf()
    refused = refuse_upload(leaf, certificate=leaf.leaf_pem + relabel_as_sha1(low.pem))
    assert (refused.code, "sha1" in refused.what) == ("weak-signature", True)
    made, _ = upload(leaf, chain=relabel_as_sha1(root.pem))
    assert made.chain_pem.encode() == leaf.pem


def test_a_cross_signed_authority_is_kept_and_both_roots_are_left_out() -> None:
    young = Authority.root("Young")
    cross = STRANGER.sub("Young", key=young.key)
    leaf = young.sub("Low").leaf()
    given = leaf.pem + young.pem + cross.pem + STRANGER.pem
    assert upload(leaf, certificate=given)[0].chain_pem.encode() == leaf.pem + cross.pem


def test_an_expired_cross_signature_gives_way_to_the_root() -> None:
    young = Authority.root("Young")
    cross = STRANGER.sub("Young", key=young.key, not_after=NOW - DAY)
    leaf = young.sub("Low").leaf()
    given = leaf.pem + cross.pem + young.pem + STRANGER.pem
    assert upload(leaf, certificate=given)[0].chain_pem.encode() == leaf.pem


def _plain(subject: str, key: Key, *names: str) -> bytes:
    """A certificate by the root without constraints and key usage."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(build_name(subject))
        .issuer_name(ROOT.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    return to_pem(builder.sign(ROOT.key, hashes.SHA256()))


def test_an_old_root_without_extensions_is_an_authority() -> None:
    leaf = ROOT.leaf()
    made, _ = upload(leaf, certificate=leaf.leaf_pem + _plain("Root", ROOT.key))
    assert made.chain_pem.encode() == leaf.leaf_pem


def test_a_certificate_without_constraints_that_names_a_host_is_a_leaf() -> None:
    plain = _plain("plain", LEAF.key, "plain.example")
    made, _ = upload(LEAF, certificate=plain + ROOT.pem)
    assert (made.names, made.serial) == (("plain.example",), "7")


def test_a_self_signed_leaf_is_refused_if_other_roots_are_given() -> None:
    alone = build_self_signed()
    refused = refuse_upload(alone, certificate=alone.leaf_pem, roots=ROOT.pem)
    assert refused.code == "untrusted-root"
    assert "'CN=www.example.com'" in refused.what
    assert upload(alone, certificate=alone.leaf_pem, roots=alone.leaf_pem)


def test_an_intermediate_with_sm2_is_refused_by_name() -> None:
    fake = relabel_as_sm2(LOW.pem)
    refused = refuse_upload(LEAF, certificate=LEAF.leaf_pem + fake + MIDDLE.pem)
    assert (refused.code, "'CN=Low'" in refused.what) == ("wrong-issuer", True)
