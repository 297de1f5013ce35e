"""Whether clients with certain roots trust a chain, by the library that verifies for real."""

from datetime import timedelta

import pytest

from domain.certificates.trust import explain_untrusted, find_issuer
from domain.preflight.rules import parse_chain
from tests.support.factory import DAY, NOW, Authority, Leaf
from tests.support.sm2_factory import Sm2Authority, build_pair

ROOT, OTHER = Authority.root("Root"), Authority.root("Other")


def why(leaf: Leaf, *roots: Authority, later: timedelta = timedelta()) -> str | None:
    certificates = [leaf.certificate, *leaf.issuers]
    return explain_untrusted(certificates, [root.certificate for root in roots], NOW + later)


def test_a_chain_to_one_of_the_roots_is_trusted_whatever_its_names_are() -> None:
    leaf = ROOT.sub("Issuing").leaf(["*.example.com"])
    assert why(leaf, OTHER, ROOT) is None
    assert why(ROOT.leaf(["a.example.com"]), ROOT) is None


def test_a_chain_to_another_root_is_not_trusted() -> None:
    assert "'CN=Root'" in (why(ROOT.sub("Issuing").leaf(), OTHER) or "")


def test_a_chain_without_its_intermediate_is_not_trusted() -> None:
    leaf = ROOT.sub("Issuing").leaf()
    bare = Leaf(leaf.certificate, (), leaf.key)
    assert "'CN=Issuing'" in (why(bare, ROOT) or "")


def test_an_authority_of_the_same_name_with_another_key_is_another() -> None:
    impostor = Authority.root("Root")
    assert why(ROOT.sub("Issuing").leaf(), impostor) is not None
    assert find_issuer(ROOT.leaf().certificate, [impostor.certificate]) is None


def test_a_chain_by_an_issuer_that_must_not_issue_is_refused_at_the_time_of_the_check() -> None:
    assert f"{NOW:%Y-%m-%d %H:%M}" in (why(ROOT.sub("Poser", ca=False).leaf(), ROOT) or "")


@pytest.mark.parametrize("later", [timedelta(), 80 * DAY])
def test_a_chain_is_checked_for_the_given_time(later: timedelta) -> None:
    leaf = ROOT.sub("Short", not_after=NOW + 40 * DAY).leaf()
    assert (why(leaf, ROOT, later=later) is None) == (later == timedelta())


def test_an_sm2_chain_is_trusted_if_a_root_issued_its_end() -> None:
    root = Sm2Authority.root()
    pair = build_pair("sm", "www.example.com", issuer=root.sub())
    served = parse_chain(pair.certificate)
    assert explain_untrusted(served, [ROOT.certificate, root.certificate], NOW) is None
    assert explain_untrusted(served, [ROOT.certificate], NOW) is not None
