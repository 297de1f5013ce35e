"""Compares the chain that a server sends with the deployed one; verification calls it."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Certificate
from domain.certificates.chain import is_issued_by, is_root
from domain.certificates.validation import describe_certificate
from domain.model import Value


class ChainCode(StrEnum):
    """How the chain that a server sends relates to the deployed one."""

    COMPLETE = "complete"
    OTHER_PATH = "other-path"
    INCOMPLETE = "incomplete"
    EXPIRED = "expired"


class ChainComparison(Value):
    """The result: `problem` is why clients cannot build the chain, `note` how it merely differs."""

    code: ChainCode = ChainCode.COMPLETE
    problem: str | None = None
    note: str | None = None


def compare_chains(
    sent: Sequence[bytes],
    deployed: Certificate,
    get_roots: Callable[[], frozenset[bytes]],
    at: datetime,
) -> ChainComparison:
    """Compare `sent` (DER, leaf first) with the chain of the deployed certificate.

    It must hold every intermediate of the deployed chain, in any order, none of them expired. A
    service may send another chain. That is fine if each link is signed and valid, and if the chain
    ends below the root of the deployed one or below one of `get_roots` (subjects in DER; called
    only if needed).
    """
    required = _load_intermediates(deployed.chain_pem)
    digests = {hashlib.sha256(each).digest() for each in sent}
    missing = [each for digest, each in required.items() if digest not in digests]
    expired = [
        each for digest, each in required.items() if digest in digests and not _is_valid(each, at)
    ]
    if not missing and not expired:
        return ChainComparison()
    path = _build_path(_load(sent), at)
    last = path[-1]
    if is_root(last) or _to_der(last.issuer) in _list_top_issuers(required) | get_roots():
        via = ", ".join(describe_certificate(each) for each in path[1:]) or "no intermediate"
        note = f"sends another chain than the deployed one: {via}"
        return ChainComparison(code=ChainCode.OTHER_PATH, note=note)
    if expired:
        name, until = describe_certificate(expired[0]), expired[0].not_valid_after_utc
        problem = f"the intermediate {name} has expired on {until:%Y-%m-%d}"
        return ChainComparison(code=ChainCode.EXPIRED, problem=problem)
    count = f"{len(sent)} certificate{'s' if len(sent) > 1 else ''}"
    names = ", ".join(describe_certificate(each) for each in missing)
    late = next((each for each in _load(sent[1:]) if not _is_valid(each, at)), None)
    also = f"; it sends {describe_certificate(late)}, which has expired" if late else ""
    problem = f"sends {count} without the intermediate {names}{also}"
    return ChainComparison(code=ChainCode.INCOMPLETE, problem=problem)


def _build_path(sent: Sequence[x509.Certificate], at: datetime) -> list[x509.Certificate]:
    """The path from the leaf up, as far as valid certificates lead."""
    path, rest = [sent[0]], [each for each in sent[1:] if _is_valid(each, at)]
    while not is_root(path[-1]):
        issuer = next((each for each in rest if is_issued_by(path[-1], each)), None)
        if issuer is None:
            break
        path.append(issuer)
        rest.remove(issuer)
    return path


def _list_top_issuers(required: dict[bytes, x509.Certificate]) -> set[bytes]:
    """The subjects that issued an intermediate and are not intermediates themselves."""
    own = {_to_der(each.subject) for each in required.values()}
    return {_to_der(each.issuer) for each in required.values()} - own


def _load(sent: Sequence[bytes]) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(each) for each in sent]


@lru_cache(maxsize=64)
def _load_intermediates(chain_pem: str) -> dict[bytes, x509.Certificate]:
    """The certificates of a chain by the SHA-256 of their DER, without the leaf."""
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    return {hashlib.sha256(each.public_bytes(Encoding.DER)).digest(): each for each in chain[1:]}


def _to_der(name: x509.Name) -> bytes:
    return name.public_bytes()


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
