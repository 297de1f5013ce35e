"""Asks authorities whether they have revoked a certificate; preflight calls it.

It asks only the http(s) URLs that the certificate names, without redirects, for a few seconds, and
reads answers up to a limit. A URL that does not answer never fails anything.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from urllib.parse import urlsplit

import httpx2
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from domain.certificates.chain import is_root
from domain.certificates.revocation import (
    RevocationAnswer,
    RevocationStatus,
    UnknownCode,
    build_ocsp_request,
    build_unknown_answer,
    list_crl_urls,
    list_ocsp_urls,
    read_crl,
    read_ocsp,
)
from domain.certificates.trust import find_issuer
from domain.certificates.validation import describe_certificate

SECONDS = 3.0
MAX_ANSWER_SECONDS = 10.0
"""For one whole answer: a server that sends it slowly must not delay a task."""

MAX_BYTES = {"OCSP": 64 << 10, "CRL": 16 << 20}

Roots = Sequence[x509.Certificate]


class NoAnswer(Exception):
    """There is no usable answer; the code and the text say why."""

    def __init__(self, code: UnknownCode, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(code, reason)


class RevocationClient:
    """Fetches each revocation list once, and asks no host again that did not answer.

    For one preflight; threads may share it. `seconds` is the time for all requests together.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self._until = monotonic() + seconds
        self._lists: dict[str, bytes | NoAnswer] = {}
        self._silent: dict[str, str] = {}
        self._lock = threading.Lock()
        self._client = httpx2.Client(timeout=SECONDS, follow_redirects=False)

    def __enter__(self) -> "RevocationClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check_chain(
        self, chain: Sequence[x509.Certificate], roots: Roots, now: datetime
    ) -> list[tuple[x509.Certificate, RevocationAnswer]]:
        """The answers for the leaf and its intermediates, each with its certificate.

        A certificate that names no URL is left out.
        """
        found = []
        for number, one in enumerate(chain):
            if is_root(one) or not (list_ocsp_urls(one) or list_crl_urls(one)):
                continue
            issuers = chain[number + 1 : number + 2]
            issuer = issuers[0] if issuers else find_issuer(one, roots)
            if issuer is None:
                answer = build_unknown_answer(
                    UnknownCode.ISSUER_UNKNOWN, "the certificate of its issuer is unknown"
                )
            else:
                answer = self._ask(one, issuer, now)
            found.append((one, answer))
        return found

    def _ask(
        self, one: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> RevocationAnswer:
        """The first definite answer of the URLs; if there is none, why each gave none."""
        reasons: list[str] = []
        codes: list[UnknownCode] = []
        for url, ask in self._list_queries(one, issuer, now):
            try:
                answer = ask(url)
            except NoAnswer as error:
                answer = build_unknown_answer(error.code, error.reason)
            except UnsupportedAlgorithm:
                answer = build_unknown_answer(
                    UnknownCode.KEY_UNSUPPORTED, "its type of key is not supported"
                )
            if answer.status is not RevocationStatus.UNKNOWN:
                return answer
            reasons.append(f"{url}: {answer.detail}")
            codes += answer.codes
        return RevocationAnswer(RevocationStatus.UNKNOWN, "; ".join(reasons), tuple(codes))

    def _list_queries(
        self, one: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> list[tuple[str, Callable[[str], RevocationAnswer]]]:
        def ask_ocsp(url: str) -> RevocationAnswer:
            answer = self._fetch("OCSP", url, build_ocsp_request(one, issuer))
            return read_ocsp(answer, one, issuer, now)

        def read_list(url: str) -> RevocationAnswer:
            return read_crl(self._get_list(url), url, one, issuer, now)

        return [
            *((url, ask_ocsp) for url in list_ocsp_urls(one)),
            *((url, read_list) for url in list_crl_urls(one)),
        ]

    def _get_list(self, url: str) -> bytes:
        """The revocation list of this URL; many certificates name the same one."""
        with self._lock:
            if url not in self._lists:
                try:
                    self._lists[url] = self._fetch("CRL", url, None)
                except NoAnswer as error:
                    self._lists[url] = error
            entry = self._lists[url]
        if isinstance(entry, NoAnswer):
            raise NoAnswer(entry.code, entry.reason)
        return entry

    def _fetch(self, kind: str, url: str, question: bytes | None) -> bytes:
        host = urlsplit(url).netloc
        if reason := self._silent.get(host):
            raise NoAnswer(UnknownCode.NO_ANSWER, reason)
        try:
            return self._read(kind, url, question)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._silent[host] = f"does not answer ({type(error).__name__})"
            raise NoAnswer(UnknownCode.NO_ANSWER, self._silent[host]) from None

    def _read(self, kind: str, url: str, question: bytes | None) -> bytes:
        until = min(self._until, monotonic() + MAX_ANSWER_SECONDS)
        if monotonic() >= until:
            raise NoAnswer(UnknownCode.OUT_OF_TIME, "not asked: the requests before took too long")
        method = "GET" if question is None else "POST"
        headers = {"content-type": "application/ocsp-request"} if question else {}
        data = bytearray()
        with self._client.stream(method, url, content=question, headers=headers) as reply:
            if reply.status_code != httpx2.codes.OK:
                raise NoAnswer(UnknownCode.HTTP_STATUS, f"answers HTTP {reply.status_code}")
            for part in reply.iter_bytes():
                data += part
                if len(data) > MAX_BYTES[kind]:
                    raise NoAnswer(
                        UnknownCode.TOO_LARGE, f"answers with more than {MAX_BYTES[kind]} bytes"
                    )
                if monotonic() >= until:
                    raise NoAnswer(UnknownCode.TOO_SLOW, "answers too slowly")
        return bytes(data)


def describe_in_chain(one: x509.Certificate, leaf: x509.Certificate) -> str:
    """The subject of a sentence: "it" for the leaf, or an intermediate by its subject."""
    return "it" if one is leaf else f"its intermediate {describe_certificate(one)}"
