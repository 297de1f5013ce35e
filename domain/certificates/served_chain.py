"""Whether the certificates that a server sends lead clients from its leaf to a root. Pure."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.certificate import Certificate
from domain.certificates.chain import is_root, issued
from domain.certificates.validation import title
from domain.model import Value


class ChainView(Value):
    """`problem` is why clients cannot build the chain, `note` what is merely not as deployed."""

    problem: str | None = None
    note: str | None = None


def compare(
    sent: Sequence[bytes], ours: Certificate, roots: Callable[[], frozenset[bytes]], at: datetime
) -> ChainView:
    """`sent` (DER, leaf first) beside the chain that was deployed.

    It must hold every intermediate of `ours`, in any order, none of them expired. A service may
    send a chain of its own: another path is good too, if each of its links is signed and valid
    and it ends below the root of ours, or below one of `roots`: gives subjects in DER, asked
    only where it matters.
    """
    required = _intermediates(ours.chain_pem)
    there = {hashlib.sha256(each).digest() for each in sent}
    missing = [each for digest, each in required.items() if digest not in there]
    expired = [each for digest, each in required.items() if digest in there and _late(each, at)]
    if not missing and not expired:
        return ChainView()
    path = _path(_load(sent), at)
    last = path[-1]
    if is_root(last) or _der(last.issuer) in _tops(required) | roots():
        via = ", ".join(title(each) for each in path[1:]) or "no intermediate"
        return ChainView(note=f"sends another chain than the one deployed: {via}")
    if expired:
        told = f"the intermediate {title(expired[0])} has expired on"
        return ChainView(problem=f"{told} {expired[0].not_valid_after_utc:%Y-%m-%d}")
    count = f"{len(sent)} certificate{'s' if len(sent) > 1 else ''}"
    names = ", ".join(title(each) for each in missing)
    late = next((each for each in _load(sent[1:]) if _late(each, at)), None)
    also = f"; {title(late)}, which is sent, has expired" if late else ""
    return ChainView(problem=f"sends {count} without the intermediate {names}{also}")


def _path(sent: Sequence[x509.Certificate], at: datetime) -> list[x509.Certificate]:
    """From the leaf up, as far as valid certificates lead."""
    path, rest = [sent[0]], [each for each in sent[1:] if not _late(each, at)]
    while not is_root(path[-1]):
        above = next((each for each in rest if issued(path[-1], each)), None)
        if above is None:
            break
        path.append(above)
        rest.remove(above)
    return path


def _tops(required: dict[bytes, x509.Certificate]) -> set[bytes]:
    """The subjects that issued an intermediate and are none themselves."""
    own = {_der(each.subject) for each in required.values()}
    return {_der(each.issuer) for each in required.values()} - own


def _load(sent: Sequence[bytes]) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(each) for each in sent]


@lru_cache(maxsize=64)
def _intermediates(chain_pem: str) -> dict[bytes, x509.Certificate]:
    """Those of a chain by SHA-256 of their DER, without its leaf."""
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    return {hashlib.sha256(_public(each)).digest(): each for each in chain[1:]}


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _der(name: x509.Name) -> bytes:
    return name.public_bytes()


def _late(certificate: x509.Certificate, at: datetime) -> bool:
    return not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
