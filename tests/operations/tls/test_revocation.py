"""Asks an authority over real HTTP: the answer is good, revoked or unknown."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from domain.certificates.revocation import RevocationAnswer, RevocationStatus, UnknownCode
from operations.tls import revocation
from operations.tls.revocation import RevocationClient
from tests.support.factory import Authority, Leaf
from tests.support.responders import Responder


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder(Authority.root("Root").sub("Issuing")).serve() as serving:
        yield serving


def check(leaf: Leaf, client: RevocationClient | None = None) -> RevocationAnswer:
    chain = [leaf.certificate, *leaf.issuers]
    with client or RevocationClient() as opened:
        ((one, answer),) = opened.check_chain(chain, (), datetime.now(UTC))
    assert one is leaf.certificate
    return answer


def test_a_good_certificate_is_good_by_ocsp_and_its_list_is_not_fetched(
    responder: Responder,
) -> None:
    assert check(responder.leaf(["a.example.com"])) == RevocationAnswer(RevocationStatus.GOOD)
    assert responder.requests == ["ocsp"]


@pytest.mark.parametrize("way", ["ocsp", "crl"])
def test_a_revoked_certificate_has_its_day_and_reason(responder: Responder, way: str) -> None:
    leaf = responder.leaf(["a.example.com"], ocsp=way == "ocsp", crl=way == "crl")
    responder.revoke(leaf)
    answer = check(leaf)
    assert answer == RevocationAnswer(
        RevocationStatus.REVOKED, "on 2026-03-01 12:00 UTC (keyCompromise)"
    )
    assert responder.requests == [way]


def test_the_list_answers_what_ocsp_does_not_know(responder: Responder) -> None:
    leaf = responder.leaf(["a.example.com"])
    responder.statuses[leaf.certificate.serial_number] = "unknown"
    assert check(leaf).status is RevocationStatus.GOOD
    assert responder.requests == ["ocsp", "crl"]


def test_an_unknown_certificate_is_neither_good_nor_revoked(responder: Responder) -> None:
    leaf = responder.leaf(["a.example.com"], crl=False)
    responder.statuses[leaf.certificate.serial_number] = "unknown"
    answer = check(leaf)
    assert answer.status is RevocationStatus.UNKNOWN
    assert answer.codes == (UnknownCode.NOT_KNOWN_THERE,)


@pytest.mark.parametrize(
    ("broken", "code", "data"),
    [
        ("down", UnknownCode.NO_ANSWER, "RemoteProtocolError"),
        ("error", UnknownCode.HTTP_STATUS, "503"),
        ("elsewhere", UnknownCode.HTTP_STATUS, "302"),
        ("garbage", UnknownCode.UNREADABLE, ""),
        ("endless", UnknownCode.TOO_LARGE, "65536"),
    ],
)
def test_a_broken_responder_leaves_it_unknown(
    responder: Responder, broken: str, code: UnknownCode, data: str
) -> None:
    responder.failure = broken
    answer = check(responder.leaf(["a.example.com"], crl=False))
    assert (answer.status, answer.codes) == (RevocationStatus.UNKNOWN, (code,))
    assert answer.detail.startswith(f"{responder.base}/ocsp: ")
    assert data in answer.detail


def test_a_host_that_does_not_answer_is_asked_once_for_all_certificates() -> None:
    with Responder(Authority.root("Root").sub("Issuing")).serve() as responder:
        leaves = [responder.leaf(["a.example.com"]) for _ in range(2)]
    with RevocationClient() as client:
        for leaf in leaves:
            chain = [leaf.certificate, *leaf.issuers]
            ((_, answer),) = client.check_chain(chain, (), datetime.now(UTC))
            assert answer.codes == (UnknownCode.NO_ANSWER,) * 2
            assert answer.detail.count("ConnectError") == 2
    assert responder.requests == []


def test_answers_too_old_or_signed_by_somebody_else_do_not_count(responder: Responder) -> None:
    leaf = responder.leaf(["a.example.com"])
    responder.age = timedelta(days=2)
    answer = check(leaf)
    assert answer.status is RevocationStatus.UNKNOWN
    assert answer.codes == (UnknownCode.OUT_OF_DATE,) * 2
    responder.age, responder.signer = timedelta(), Authority.root("Stranger")
    answer = check(leaf)
    assert answer.status is RevocationStatus.UNKNOWN
    assert answer.codes == (UnknownCode.WRONG_SIGNER,) * 2


@pytest.mark.parametrize("may_answer", [True, False])
def test_only_a_delegate_may_answer_for_the_authority(
    responder: Responder, may_answer: bool
) -> None:
    responder.signer = responder.issue_delegate(may_answer=may_answer)
    responder.delegate = responder.signer.certificate
    answer = check(responder.leaf(["a.example.com"], crl=False))
    assert (answer.status is RevocationStatus.GOOD) == may_answer
    assert answer.codes == (() if may_answer else (UnknownCode.WRONG_SIGNER,))


def test_a_list_for_other_certificates_says_nothing_of_this_one(responder: Responder) -> None:
    def scope(url: str) -> x509.IssuingDistributionPoint:
        names = [x509.UniformResourceIdentifier(url)]
        return x509.IssuingDistributionPoint(names, None, False, False, None, False, False)

    leaf = responder.leaf(["a.example.com"], ocsp=False)
    responder.scope = scope("http://lists.example.com/7")
    answer = check(leaf)
    assert answer.status is RevocationStatus.UNKNOWN
    assert answer.codes == (UnknownCode.OTHER_CERTIFICATE,)
    responder.scope = scope(f"{responder.base}/crl")
    assert check(leaf).status is RevocationStatus.GOOD


def test_one_list_is_fetched_once_for_many_certificates(responder: Responder) -> None:
    leaves = [responder.leaf(["a.example.com"], ocsp=False) for _ in range(3)]
    with RevocationClient() as client:
        for leaf in leaves:
            client.check_chain([leaf.certificate, *leaf.issuers], (), datetime.now(UTC))
    assert responder.requests == ["crl"]


def test_a_certificate_without_issuer_or_url_is_not_asked_for(
    responder: Responder,
) -> None:
    leaf = responder.leaf(["a.example.com"])
    with RevocationClient() as client:
        now = datetime.now(UTC)
        ((_, answer),) = client.check_chain([leaf.certificate], (), now)
        assert answer.status is RevocationStatus.UNKNOWN
        assert answer.codes == (UnknownCode.ISSUER_UNKNOWN,)
        plain = responder.authority.leaf(["a.example.com"])
        assert client.check_chain([plain.certificate, *plain.issuers], (), now) == []
    assert responder.requests == []


def test_an_intermediate_is_asked_for_at_its_own_issuer() -> None:
    root = Authority.root("Root")
    with Responder(root).serve() as responder:
        middle = responder.leaf(["ca.example.com"], ca=True)
        leaf = Authority(middle.certificate, middle.key).leaf(["a.example.com"])
        responder.revoke(middle)
        with RevocationClient() as client:
            chain, roots = [leaf.certificate, *leaf.issuers], [root.certificate]
            ((one, answer),) = client.check_chain(chain, roots, datetime.now(UTC))
    assert (one, answer.status) == (middle.certificate, RevocationStatus.REVOKED)


def test_only_http_urls_are_asked(tmp_path: object) -> None:
    authority = Authority.root("Root").sub("Issuing")
    for url in ("ldap://127.0.0.1/x", "file:///etc/hostname", "http://user@127.0.0.1/x"):
        where = x509.UniformResourceIdentifier(url)
        point = x509.DistributionPoint([where], None, None, None)
        leaf = authority.leaf(["a.example.com"], extra=[x509.CRLDistributionPoints([point])])
        with RevocationClient() as client:
            chain = [leaf.certificate, *leaf.issuers]
            assert client.check_chain(chain, (), datetime.now(UTC)) == []


def test_all_requests_together_end_in_time(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = check(responder.leaf(["a.example.com"]), RevocationClient(seconds=0))
    assert answer.status is RevocationStatus.UNKNOWN
    assert answer.codes == (UnknownCode.OUT_OF_TIME,) * 2
    assert answer.detail.count(responder.base) == 2
    assert responder.requests == []
    monkeypatch.setattr(revocation, "MAX_ANSWER_SECONDS", 0.2)
    slow, began = responder.build_ocsp_response, time.monotonic()

    def late(question: bytes) -> bytes:
        time.sleep(0.3)
        return slow(question)

    monkeypatch.setattr(responder, "build_ocsp_response", late)
    answer = check(responder.leaf(["a.example.com"], crl=False))
    assert answer.codes == (UnknownCode.TOO_SLOW,)
    assert time.monotonic() - began < 3


def test_an_issuer_whose_type_of_key_is_unsupported_is_named(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bytes:
        raise UnsupportedAlgorithm("SM2")

    monkeypatch.setattr(revocation, "build_ocsp_request", refuse)
    answer = check(responder.leaf(["a.example.com"], crl=False))
    assert answer.codes == (UnknownCode.KEY_UNSUPPORTED,)
    assert responder.requests == []
