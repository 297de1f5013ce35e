"""Asking authorities whether they have revoked a certificate. A silence never fails anything.

Only http(s) addresses that the certificate itself names are asked, without redirects, for a few
seconds, and no answer is read beyond a limit.
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
    Standing,
    Told,
    crl_urls,
    ocsp_request,
    ocsp_urls,
    read_crl,
    read_ocsp,
    unknown,
)
from domain.certificates.trust import issuer_among
from domain.certificates.validation import title

SECONDS = 3.0
MOST_SECONDS = 10.0
"""For one answer as a whole: one that drips must not hold up a task."""

MOST_BYTES = {"OCSP": 64 << 10, "CRL": 16 << 20}

Roots = Sequence[x509.Certificate]


class Silent(Exception):
    """No answer that could be used; the text says why."""


class Responders:
    """Those that one preflight asks: a list is fetched once, a silent host is left alone.

    It may be shared between threads. `seconds` is how long all of them together may take.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        self._until = monotonic() + seconds
        self._lists: dict[str, bytes | str] = {}
        self._silent: dict[str, str] = {}
        self._lock = threading.Lock()
        self._client = httpx2.Client(timeout=SECONDS, follow_redirects=False)

    def __enter__(self) -> "Responders":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def of_chain(
        self, chain: Sequence[x509.Certificate], roots: Roots, now: datetime
    ) -> list[tuple[x509.Certificate, Told]]:
        """What authorities say of the leaf and its intermediates, each with its certificate.

        One that names no place to ask is left out.
        """
        found = []
        for number, one in enumerate(chain):
            if is_root(one) or not (ocsp_urls(one) or crl_urls(one)):
                continue
            above = chain[number + 1 : number + 2]
            issuer = above[0] if above else issuer_among(one, roots)
            if issuer is None:
                told = unknown("the certificate of its issuer is not at hand")
            else:
                told = self._ask(one, issuer, now)
            found.append((one, told))
        return found

    def _ask(self, one: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Told:
        """The first clear word of all whom it names; else why each of them gave none."""
        whys: list[str] = []
        for url, ask in self._ways(one, issuer, now):
            try:
                told = ask(url)
            except Silent as silence:
                told = unknown(str(silence))
            except UnsupportedAlgorithm:
                told = unknown("its kind of key cannot be asked for")
            if told.standing is not Standing.UNKNOWN:
                return told
            whys.append(f"{url}: {told.detail}")
        return unknown("; ".join(whys))

    def _ways(
        self, one: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> list[tuple[str, Callable[[str], Told]]]:
        def by_ocsp(url: str) -> Told:
            answer = self._fetch("OCSP", url, ocsp_request(one, issuer))
            return read_ocsp(answer, one, issuer, now)

        def by_list(url: str) -> Told:
            return read_crl(self._list(url), url, one, issuer, now)

        return [
            *((url, by_ocsp) for url in ocsp_urls(one)),
            *((url, by_list) for url in crl_urls(one)),
        ]

    def _list(self, url: str) -> bytes:
        """A revocation list; many certificates name the same."""
        with self._lock:
            if url not in self._lists:
                try:
                    self._lists[url] = self._fetch("CRL", url, None)
                except Silent as silence:
                    self._lists[url] = str(silence)
            kept = self._lists[url]
        if isinstance(kept, str):
            raise Silent(kept)
        return kept

    def _fetch(self, kind: str, url: str, question: bytes | None) -> bytes:
        host = urlsplit(url).netloc
        if why := self._silent.get(host):
            raise Silent(why)
        try:
            return self._read(kind, url, question)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._silent[host] = f"does not answer ({type(error).__name__})"
            raise Silent(self._silent[host]) from None

    def _read(self, kind: str, url: str, question: bytes | None) -> bytes:
        until = min(self._until, monotonic() + MOST_SECONDS)
        if monotonic() >= until:
            raise Silent("not asked, others took too long")
        method = "GET" if question is None else "POST"
        headers = {"content-type": "application/ocsp-request"} if question else {}
        data = bytearray()
        with self._client.stream(method, url, content=question, headers=headers) as reply:
            if reply.status_code != httpx2.codes.OK:
                raise Silent(f"answers HTTP {reply.status_code}")
            for part in reply.iter_bytes():
                data += part
                if len(data) > MOST_BYTES[kind]:
                    raise Silent(f"answers with more than {MOST_BYTES[kind]} bytes")
                if monotonic() >= until:
                    raise Silent("answers too slowly")
        return bytes(data)


def described(one: x509.Certificate, leaf: x509.Certificate) -> str:
    """Which certificate of a chain is spoken of: "it", or an intermediate by its subject."""
    return "it" if one is leaf else f"its intermediate {title(one)}"
