"""Asking an authority over real HTTP: good, revoked and unknown are three things."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from domain.certificates.revocation import Standing, Told
from operations.tls import revocation
from operations.tls.revocation import Responders
from tests.support.factory import Authority, Leaf
from tests.support.responders import Responder


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder(Authority.root("Root").sub("Issuing")).serving() as serving:
        yield serving


def asked(leaf: Leaf, responders: Responders | None = None) -> Told:
    chain = [leaf.certificate, *leaf.issuers]
    with responders or Responders() as asking:
        ((one, told),) = asking.of_chain(chain, (), datetime.now(UTC))
    assert one is leaf.certificate
    return told


def test_a_good_certificate_is_good_by_ocsp_and_its_list_is_not_fetched(
    responder: Responder,
) -> None:
    assert asked(responder.leaf(["a.example.com"])) == Told(Standing.GOOD)
    assert responder.asked == ["ocsp"]


@pytest.mark.parametrize("way", ["ocsp", "crl"])
def test_a_revoked_certificate_is_told_with_day_and_reason(responder: Responder, way: str) -> None:
    leaf = responder.leaf(["a.example.com"], ocsp=way == "ocsp", crl=way == "crl")
    responder.revoke(leaf)
    told = asked(leaf)
    assert told == Told(Standing.REVOKED, "on 2026-03-01 12:00 UTC (keyCompromise)")
    assert responder.asked == [way]


def test_what_ocsp_does_not_know_the_list_may_tell(responder: Responder) -> None:
    leaf = responder.leaf(["a.example.com"])
    responder.says[leaf.certificate.serial_number] = "unknown"
    assert asked(leaf).standing is Standing.GOOD
    assert responder.asked == ["ocsp", "crl"]


def test_an_unknown_certificate_is_neither_good_nor_revoked(responder: Responder) -> None:
    leaf = responder.leaf(["a.example.com"], crl=False)
    responder.says[leaf.certificate.serial_number] = "unknown"
    told = asked(leaf)
    assert told.standing is Standing.UNKNOWN
    assert told.detail.endswith("the responder does not know it")


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("down", "does not answer (RemoteProtocolError)"),
        ("error", "answers HTTP 503"),
        ("elsewhere", "answers HTTP 302"),
        ("garbage", "the responder's answer cannot be read"),
        ("endless", "answers with more than 65536 bytes"),
    ],
)
def test_a_broken_responder_leaves_it_unknown(responder: Responder, broken: str, why: str) -> None:
    responder.broken = broken
    told = asked(responder.leaf(["a.example.com"], crl=False))
    assert told == Told(Standing.UNKNOWN, f"{responder.base}/ocsp: {why}")


def test_a_responder_that_is_not_there_is_asked_once_for_all_certificates() -> None:
    with Responder(Authority.root("Root").sub("Issuing")).serving() as responder:
        leaves = [responder.leaf(["a.example.com"]) for _ in range(2)]
    with Responders() as responders:
        for leaf in leaves:
            chain = [leaf.certificate, *leaf.issuers]
            ((_, told),) = responders.of_chain(chain, (), datetime.now(UTC))
            assert told.detail.count("does not answer (ConnectError)") == 2
    assert responder.asked == []


def test_answers_too_old_or_signed_by_somebody_else_do_not_count(responder: Responder) -> None:
    leaf = responder.leaf(["a.example.com"])
    responder.age = timedelta(days=2)
    told = asked(leaf)
    assert told.standing is Standing.UNKNOWN
    assert told.detail.count("out of date") == 2
    responder.age, responder.signer = timedelta(), Authority.root("Stranger")
    told = asked(leaf)
    assert told.standing is Standing.UNKNOWN
    assert told.detail.count("not signed by the authority") == 2


@pytest.mark.parametrize("may_answer", [True, False])
def test_only_who_was_given_the_task_may_answer_for_the_authority(
    responder: Responder, may_answer: bool
) -> None:
    responder.signer = responder.helper(may_answer=may_answer)
    responder.delegate = responder.signer.certificate
    told = asked(responder.leaf(["a.example.com"], crl=False))
    assert (told.standing is Standing.GOOD) == may_answer


def test_a_list_for_other_certificates_says_nothing_of_this_one(responder: Responder) -> None:
    def scope(url: str) -> x509.IssuingDistributionPoint:
        names = [x509.UniformResourceIdentifier(url)]
        return x509.IssuingDistributionPoint(names, None, False, False, None, False, False)

    leaf = responder.leaf(["a.example.com"], ocsp=False)
    responder.scope = scope("http://lists.example.com/7")
    assert asked(leaf).standing is Standing.UNKNOWN
    responder.scope = scope(f"{responder.base}/crl")
    assert asked(leaf).standing is Standing.GOOD


def test_one_list_is_fetched_once_for_many_certificates(responder: Responder) -> None:
    leaves = [responder.leaf(["a.example.com"], ocsp=False) for _ in range(3)]
    with Responders() as responders:
        for leaf in leaves:
            responders.of_chain([leaf.certificate, *leaf.issuers], (), datetime.now(UTC))
    assert responder.asked == ["crl"]


def test_a_certificate_without_its_issuer_or_without_an_address_is_not_asked_for(
    responder: Responder,
) -> None:
    leaf = responder.leaf(["a.example.com"])
    with Responders() as responders:
        now = datetime.now(UTC)
        ((_, told),) = responders.of_chain([leaf.certificate], (), now)
        assert told == Told(Standing.UNKNOWN, "the certificate of its issuer is not at hand")
        plain = responder.authority.leaf(["a.example.com"])
        assert responders.of_chain([plain.certificate, *plain.issuers], (), now) == []
    assert responder.asked == []


def test_an_intermediate_is_asked_for_at_its_own_issuer() -> None:
    root = Authority.root("Root")
    with Responder(root).serving() as responder:
        middle = responder.leaf(["ca.example.com"], ca=True)
        leaf = Authority(middle.certificate, middle.key).leaf(["a.example.com"])
        responder.revoke(middle)
        with Responders() as responders:
            chain, roots = [leaf.certificate, *leaf.issuers], [root.certificate]
            ((one, told),) = responders.of_chain(chain, roots, datetime.now(UTC))
    assert (one, told.standing) == (middle.certificate, Standing.REVOKED)


def test_only_addresses_of_the_web_are_ever_asked(tmp_path: object) -> None:
    authority = Authority.root("Root").sub("Issuing")
    for url in ("ldap://127.0.0.1/x", "file:///etc/hostname", "http://user@127.0.0.1/x"):
        where = x509.UniformResourceIdentifier(url)
        point = x509.DistributionPoint([where], None, None, None)
        leaf = authority.leaf(["a.example.com"], extra=[x509.CRLDistributionPoints([point])])
        with Responders() as responders:
            chain = [leaf.certificate, *leaf.issuers]
            assert responders.of_chain(chain, (), datetime.now(UTC)) == []


def test_all_together_take_no_longer_than_they_may(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = asked(responder.leaf(["a.example.com"]), Responders(seconds=0))
    assert told.detail.count("not asked, others took too long") == 2
    assert responder.asked == []
    monkeypatch.setattr(revocation, "MOST_SECONDS", 0.2)
    slow, began = responder.answer, time.monotonic()

    def late(question: bytes) -> bytes:
        time.sleep(0.3)
        return slow(question)

    monkeypatch.setattr(responder, "answer", late)
    told = asked(responder.leaf(["a.example.com"], crl=False))
    assert told.detail.endswith("answers too slowly")
    assert time.monotonic() - began < 3
