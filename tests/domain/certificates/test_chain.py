"""Whatever the order of the files, one chain comes out, or the reason why there is none."""

import itertools

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID as Access

from domain.certificates.certificate import Files
from starter.demo.ca import Key, named, pem_of
from tests.domain.uploads import refusal, upload
from tests.support.factory import DAY, NOW, Authority, as_sha1, as_sm2, rsa_key, self_signed

ROOT = Authority.root("Root")
MIDDLE = ROOT.sub("Middle")
LOW = MIDDLE.sub("Low")
LEAF = LOW.leaf()
STRANGER = Authority.root("Stranger")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_is_put_in_order_and_the_root_left_out(order: tuple[int, ...]) -> None:
    parts = [LEAF.leaf_pem, LOW.pem, MIDDLE.pem, ROOT.pem]
    made, _ = upload(LEAF, certificate=b"".join(parts[place] for place in order))
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
    message = refusal(leaf, certificate=leaf.leaf_pem, files=Files(certificate="leaf.pem"))
    assert message.startswith("leaf.pem: the chain is incomplete: 'CN=www.example.com'")
    assert "issued by 'CN=Low', whose certificate is missing" in message
    assert "fetched from http://ca.example/low.cer" in message
    assert "fetched" not in refusal(LEAF, certificate=LEAF.leaf_pem)


def test_an_address_that_is_no_url_is_not_offered() -> None:
    entries = [
        x509.AccessDescription(
            Access.OCSP,
            x509.UniformResourceIdentifier("http://ocsp.example"),
        ),
        x509.AccessDescription(Access.CA_ISSUERS, x509.DNSName("ca.example")),
    ]
    leaf = LOW.leaf(extra=[x509.AuthorityInformationAccess(entries)])
    assert "fetched" not in refusal(leaf, certificate=leaf.leaf_pem)


def test_a_gap_in_the_middle_names_what_does_not_fit_and_what_may_be_missing() -> None:
    message = refusal(LEAF, certificate=LEAF.leaf_pem + LOW.pem, chain=ROOT.pem)
    assert "chain file: 'CN=Root' does not belong to the chain of 'CN=www.example.com'" in message
    assert "missing after 'CN=Low': 'CN=Middle'" in message


def test_unrelated_certificates_are_refused_by_name() -> None:
    assert "'CN=Stranger' does not belong" in refusal(LEAF, chain=STRANGER.pem)
    alone = self_signed()
    assert "does not belong" in refusal(alone, certificate=alone.leaf_pem, chain=ROOT.pem)


def test_an_authority_of_the_same_name_with_another_key_is_refused() -> None:
    impostor = MIDDLE.sub("Low")
    message = refusal(LEAF, certificate=LEAF.leaf_pem + impostor.pem + MIDDLE.pem)
    assert "'CN=www.example.com' was not signed by the 'CN=Low' given" in message


def test_two_leaves_are_refused_by_name() -> None:
    other = LOW.leaf(["shop.example.com"])
    message = refusal(LEAF, certificate=LEAF.pem + other.leaf_pem)
    assert "holds 2 server certificates: 'CN=www.example.com', 'CN=shop.example.com'" in message


def test_authorities_without_a_leaf_are_refused_by_name() -> None:
    message = refusal(LEAF, certificate=LOW.pem + MIDDLE.pem)
    assert "holds only authorities: 'CN=Low', 'CN=Middle'" in message
    assert "holds only authorities: 'CN=Low'" in refusal(LEAF, certificate=LOW.pem)


def test_an_issuer_that_is_no_authority_is_refused() -> None:
    fake = ROOT.sub("Fake", ca=False)
    leaf = fake.leaf()
    message = refusal(leaf, certificate=leaf.leaf_pem + fake.pem + ROOT.pem)
    assert "'CN=Fake' issued 'CN=www.example.com', but is no authority" in message


@pytest.mark.parametrize(
    ("authority", "complaint"),
    [
        (ROOT.sub("Old", not_before=NOW - 9 * DAY, not_after=NOW - DAY), "'CN=Old' expired on"),
        (ROOT.sub("New", not_before=NOW + DAY), "'CN=New' is not valid before"),
        (ROOT.sub("Mute", may_sign=False), "'CN=Mute' is not allowed to issue"),
        (ROOT.sub("Weak", key=rsa_key(1024)), "'CN=Weak' has an RSA key of 1024 bits"),
    ],
)
def test_an_intermediate_that_clients_refuse_is_refused_by_name(
    authority: Authority, complaint: str
) -> None:
    assert complaint in refusal(authority.leaf())


def test_an_authority_may_not_issue_deeper_than_it_is_allowed() -> None:
    shallow = ROOT.sub("Shallow", path_length=0)
    assert upload(shallow.leaf())
    message = refusal(shallow.sub("Deep").leaf())
    assert "'CN=Shallow' is not allowed to issue what it issued" in message
    assert upload(ROOT.sub("Enough", path_length=1).sub("Deep").leaf())


def test_an_intermediate_signed_over_sha1_is_refused_and_a_root_is_not() -> None:
    root = Authority.root("RSA root", key=rsa_key())
    low = root.sub("RSA low")
    leaf = low.leaf()
    assert "is signed with sha1" in refusal(leaf, certificate=leaf.leaf_pem + as_sha1(low.pem))
    made, _ = upload(leaf, chain=as_sha1(root.pem))
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
    """A certificate by the root that says nothing of what it may be used for."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(ROOT.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    return pem_of(builder.sign(ROOT.key, hashes.SHA256()))


def test_an_old_root_without_extensions_is_an_authority() -> None:
    leaf = ROOT.leaf()
    made, _ = upload(leaf, certificate=leaf.leaf_pem + _plain("Root", ROOT.key))
    assert made.chain_pem.encode() == leaf.leaf_pem


def test_what_says_nothing_but_names_a_host_is_a_leaf() -> None:
    plain = _plain("plain", LEAF.key, "plain.example")
    made, _ = upload(LEAF, certificate=plain + ROOT.pem)
    assert (made.names, made.serial) == (("plain.example",), "7")


def test_a_self_signed_leaf_is_refused_when_other_roots_are_asked_for() -> None:
    alone = self_signed()
    message = refusal(alone, certificate=alone.leaf_pem, roots=ROOT.pem)
    assert "the chain ends at 'CN=www.example.com', which is not among the trusted roots" in message
    assert upload(alone, certificate=alone.leaf_pem, roots=alone.leaf_pem)


def test_an_intermediate_with_sm2_is_refused_by_name() -> None:
    fake = as_sm2(LOW.pem)
    message = refusal(LEAF, certificate=LEAF.leaf_pem + fake + MIDDLE.pem)
    assert "was not signed by the 'CN=Low' given" in message
