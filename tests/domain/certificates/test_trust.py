"""Whether clients that trust certain roots build a chain: by the library that verifies for real."""

from datetime import timedelta

import pytest

from domain.certificates.trust import issuer_among, untrusted
from domain.preflight.rules import chain_of
from tests.support.factory import DAY, NOW, Authority, Leaf
from tests.support.sm2_factory import Sm2Authority, make_pair

ROOT, OTHER = Authority.root("Root"), Authority.root("Other")


def why(leaf: Leaf, *roots: Authority, later: timedelta = timedelta()) -> str | None:
    certificates = [leaf.certificate, *leaf.issuers]
    return untrusted(certificates, [root.certificate for root in roots], NOW + later)


def test_a_chain_to_one_of_the_roots_is_trusted_whatever_its_names_are() -> None:
    leaf = ROOT.sub("Issuing").leaf(["*.example.com"])
    assert why(leaf, OTHER, ROOT) is None
    assert why(ROOT.leaf(["a.example.com"]), ROOT) is None


def test_a_chain_to_a_root_that_is_not_among_them_is_not() -> None:
    told = why(ROOT.sub("Issuing").leaf(), OTHER)
    assert told == "it ends at 'CN=Root', which is not among them"


def test_a_chain_without_its_intermediate_is_not() -> None:
    leaf = ROOT.sub("Issuing").leaf()
    bare = Leaf(leaf.certificate, (), leaf.key)
    assert why(bare, ROOT) == "it ends at 'CN=Issuing', which is not among them"


def test_an_authority_of_the_same_name_with_another_key_is_another() -> None:
    impostor = Authority.root("Root")
    assert why(ROOT.sub("Issuing").leaf(), impostor) is not None
    assert issuer_among(ROOT.leaf().certificate, [impostor.certificate]) is None


def test_what_is_signed_rightly_but_may_not_issue_is_refused_as_clients_do() -> None:
    told = why(ROOT.sub("Poser", ca=False).leaf(), ROOT)
    assert told is not None
    assert "a client that checks it" in told


@pytest.mark.parametrize("later", [timedelta(), 80 * DAY])
def test_a_chain_is_looked_at_as_of_the_time_of_the_task(later: timedelta) -> None:
    leaf = ROOT.sub("Short", not_after=NOW + 40 * DAY).leaf()
    assert (why(leaf, ROOT, later=later) is None) == (later == timedelta())


def test_of_an_sm2_chain_it_is_told_whether_a_root_issued_its_end() -> None:
    root = Sm2Authority.root()
    pair = make_pair("sm", "www.example.com", issuer=root.sub())
    served = chain_of(pair.certificate)
    assert untrusted(served, [ROOT.certificate, root.certificate], NOW) is None
    assert untrusted(served, [ROOT.certificate], NOW) is not None
