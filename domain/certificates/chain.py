"""From certificates in any order to one chain: leaf first, each issued by the next, no root."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from domain.certificates.sm2 import is_sm2, signed
from domain.certificates.validation import (
    Given,
    check_strength,
    check_time,
    issuer_url,
    names_of,
    text,
    title,
)
from domain.errors import BadInput

NOT_ISSUED = (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError)


def find_leaf(given: Sequence[Given]) -> Given:
    """The one certificate that is no authority; or the only one there is, if self-signed."""
    leaves = [one for one in given if not is_authority(one.certificate)]
    if len(leaves) == 1:
        return leaves[0]
    if len(leaves) > 1:
        raise _several(leaves)
    if len(given) == 1 and issued(given[0].certificate, given[0].certificate):
        return given[0]
    raise BadInput(
        f"holds only authorities: {_titles(given)}",
        where=given[0].where,
        fix="Add the server's own certificate.",
    )


def _several(leaves: Sequence[Given]) -> BadInput:
    for child in leaves:
        for parent in leaves:
            if child is not parent and issued(child.certificate, parent.certificate):
                return BadInput(
                    f"{title(parent.certificate)} issued {title(child.certificate)}, "
                    "but is no authority: no client accepts that",
                    where=parent.where,
                    fix="Have the certificate issued by a certificate authority.",
                )
    return BadInput(
        f"holds {len(leaves)} server certificates: {_titles(leaves)}",
        where=leaves[-1].where,
        fix="Upload each one by itself, with its own chain and key.",
    )


def _titles(given: Iterable[Given]) -> str:
    return ", ".join(title(one.certificate) for one in given)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue: it says so, or it is an old root, which says nothing at all."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return is_root(certificate) and not names_of(certificate)
    return constraints.value.ca


def is_root(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer."""
    return certificate.issuer == certificate.subject


def issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `parent` is named as issuer and its key signed `child`."""
    if is_sm2(parent):
        return signed(child, parent)
    try:
        child.verify_directly_issued_by(parent)
    except NOT_ISSUED:
        return False
    return True


def in_order(
    leaf: Given, given: Sequence[Given], now: datetime, roots: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """The chain to serve: leaf, then its intermediates; every link verified, the root left out.

    Complete is a chain that ends at a root or at an authority which one issued; with `roots` it
    must end at one of those. Raises BadInput naming the certificate that is missing, does not
    belong, or is unfit to issue.
    """
    path, rest = _climb(leaf, [one for one in given if one is not leaf], now)
    last = path[-1].certificate
    if len(path) == 1 and not issued(last, last) and not _anchored(last, roots):
        raise _incomplete(path[-1])
    if strays := _unrelated(path, rest):
        raise BadInput(
            f"{_titles(strays)} does not belong to the chain of {title(leaf.certificate)}",
            where=strays[0].where,
            fix=f"Leave it out, or add what is missing after {title(last)}: {text(last.issuer)!r}.",
        )
    if roots and not _anchored(last, roots):
        raise _incomplete(path[-1])
    kept = path[:1] + [one for one in path[1:] if not is_root(one.certificate)]
    for below, authority in enumerate(kept[1:]):
        _check_authority(authority, below, now)
    return [one.certificate for one in kept]


def _climb(leaf: Given, rest: list[Given], now: datetime) -> tuple[list[Given], list[Given]]:
    """The path from `leaf` up as far as `rest` leads, and what of `rest` was not needed."""
    path = [leaf]
    while not is_root(path[-1].certificate):
        issuer = _issuer_of(path[-1], rest, now)
        if issuer is None:
            break
        path.append(issuer)
        rest = [one for one in rest if one is not issuer]
    return path, rest


def _issuer_of(child: Given, among: Sequence[Given], now: datetime) -> Given | None:
    """Of several with one key (a cross-signed authority): valid, not a root, longest valid."""
    named = [one for one in among if one.certificate.subject == child.certificate.issuer]
    signers = [one for one in named if issued(child.certificate, one.certificate)]
    if named and not signers:
        raise BadInput(
            f"{title(child.certificate)} was not signed by the {title(named[0].certificate)} given",
            where=named[0].where,
            fix="An authority may have several certificates of one name: give the right one.",
        )
    return max(signers, key=lambda one: _preference(one.certificate, now), default=None)


def _preference(issuer: x509.Certificate, now: datetime) -> tuple[bool, bool, datetime]:
    until = issuer.not_valid_after_utc
    return issuer.not_valid_before_utc <= now <= until, not is_root(issuer), until


def _unrelated(path: Sequence[Given], rest: Sequence[Given]) -> list[Given]:
    """What of `rest` issued nothing in the path, nor anything that did."""
    known, left = list(path), list(rest)
    while related := [
        one for one in left if any(issued(child.certificate, one.certificate) for child in known)
    ]:
        known += related
        left = [one for one in left if one not in related]
    return left


def _anchored(last: x509.Certificate, roots: Sequence[x509.Certificate]) -> bool:
    return any(last == root or issued(last, root) for root in roots)


def _incomplete(end: Given) -> BadInput:
    certificate, where = end
    if is_root(certificate):
        return BadInput(
            f"the chain ends at {title(certificate)}, which is not among the trusted roots",
            where=where,
            fix="Add it to the roots, or leave the roots out.",
        )
    url = issuer_url(certificate)
    source = f" It can be fetched from {url}." if url else ""
    return BadInput(
        f"the chain is incomplete: {title(certificate)} was issued by "
        f"{text(certificate.issuer)!r}, whose certificate is missing",
        where=where,
        fix=f"Add it to the chain.{source}",
    )


def _check_authority(authority: Given, below: int, now: datetime) -> None:
    """Refuses an intermediate that clients would; `below` counts intermediates under it."""
    check_time(authority, now)
    check_strength(authority)
    extensions = authority.certificate.extensions
    limit = extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    may_sign = True
    for extension in extensions:
        if isinstance(extension.value, x509.KeyUsage):
            may_sign = extension.value.key_cert_sign
    if not may_sign or (limit is not None and below > limit):
        raise BadInput(
            f"{title(authority.certificate)} is not allowed to issue what it issued",
            where=authority.where,
            fix="Its key usage or path length forbids it: ask the authority for the right chain.",
        )
