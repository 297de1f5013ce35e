"""Whether the chain that a server sends leads clients to a root."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.served_chain import ChainCode, ChainComparison, compare_chains
from tests.support.factory import DAY, NOW, Authority, Leaf

ROOT = Authority.root("root")
UPPER = ROOT.sub("upper")
LOWER = UPPER.sub("lower")
LEAF = LOWER.leaf()
STRANGER = Authority.root("another root").sub("stranger")


def stored(leaf: Leaf) -> Certificate:
    certificate, _ = parse_pem(
        "shop", certificate=leaf.leaf_pem, chain=leaf.chain_pem or None, key=leaf.key_pem, now=NOW
    )
    return certificate


OURS = stored(LEAF)


def view(
    *sent: x509.Certificate, roots: frozenset[bytes] = frozenset(), days: int = 0
) -> ChainComparison:
    der = [each.public_bytes(Encoding.DER) for each in sent]
    return compare_chains(der, OURS, lambda: roots, NOW + days * DAY)


@given(st.permutations([UPPER.certificate, LOWER.certificate, ROOT.certificate]))
def test_all_intermediates_in_any_order_make_a_complete_chain(
    order: list[x509.Certificate],
) -> None:
    assert view(LEAF.certificate, *order) == ChainComparison()


@given(st.sampled_from([(), (UPPER.certificate,), (STRANGER.certificate,)]))
def test_a_missing_intermediate_is_named(sent: tuple[x509.Certificate, ...]) -> None:
    seen = view(LEAF.certificate, *sent)
    assert seen.code is ChainCode.INCOMPLETE
    assert seen.problem is not None
    assert "lower" in seen.problem
    assert ("upper" in seen.problem) is (UPPER.certificate not in sent)


def test_an_expired_intermediate_is_named() -> None:
    seen = view(LEAF.certificate, LOWER.certificate, UPPER.certificate, days=2000)
    assert seen.code is ChainCode.EXPIRED
    assert f"{LOWER.certificate.not_valid_after_utc:%Y-%m-%d}" in (seen.problem or "")


def test_another_path_to_our_root_is_good_and_noted() -> None:
    other = ROOT.sub("lower", key=LOWER.key)
    seen = view(LEAF.certificate, other.certificate)
    assert (seen.code, seen.problem) == (ChainCode.OTHER_PATH, None)
    assert "lower" in (seen.note or "")


def test_another_path_is_good_below_a_root_that_is_trusted_and_below_no_other() -> None:
    elsewhere = Authority.root("another root")
    other = elsewhere.sub("lower", key=LOWER.key)
    assert view(LEAF.certificate, other.certificate).code is ChainCode.INCOMPLETE
    trusted = frozenset({elsewhere.certificate.subject.public_bytes()})
    assert view(LEAF.certificate, other.certificate, roots=trusted).code is ChainCode.OTHER_PATH


def test_another_path_with_an_expired_link_is_incomplete() -> None:
    late = ROOT.sub("lower", key=LOWER.key, not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    seen = view(LEAF.certificate, late.certificate)
    assert seen.code is ChainCode.INCOMPLETE
    assert (seen.problem or "").count("lower") == 2, "the missing one and the expired one"


def test_a_leaf_right_below_its_root_needs_nothing_else() -> None:
    leaf = ROOT.leaf()
    ours = parse_pem("shop", certificate=leaf.leaf_pem, chain=ROOT.pem, key=leaf.key_pem, now=NOW)[
        0
    ]
    sent = [leaf.certificate.public_bytes(Encoding.DER)]
    assert compare_chains(sent, ours, frozenset, NOW) == ChainComparison()
