"""Builds a chain from certificates in any order: leaf first, each issued by the next, no root."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from domain.certificates.sm2 import is_issued_by_sm2, is_sm2
from domain.certificates.validation import (
    InputCertificate,
    check_strength,
    check_time,
    describe_certificate,
    find_issuer_url,
    format_name,
    list_dns_names,
)
from domain.errors import BadInput

NOT_ISSUED = (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError)


def find_leaf(given: Sequence[InputCertificate]) -> InputCertificate:
    """The only certificate that is not an authority; else the only certificate, if self-signed."""
    leaves = [one for one in given if not is_authority(one.certificate)]
    if len(leaves) == 1:
        return leaves[0]
    if len(leaves) > 1:
        raise _build_several_error(leaves)
    if len(given) == 1 and is_issued_by(given[0].certificate, given[0].certificate):
        return given[0]
    raise BadInput(
        f"holds only authorities: {_describe_all(given)}",
        where=given[0].where,
        fix="Add the server's own certificate.",
        code="no-server-certificate",
    )


def _build_several_error(leaves: Sequence[InputCertificate]) -> BadInput:
    for child in leaves:
        for parent in leaves:
            if child is not parent and is_issued_by(child.certificate, parent.certificate):
                return BadInput(
                    f"{describe_certificate(parent.certificate)} issued "
                    f"{describe_certificate(child.certificate)}, but is not an authority; "
                    "no client accepts that",
                    where=parent.where,
                    fix="Have the certificate issued by a certificate authority.",
                    code="issuer-not-an-authority",
                )
    return BadInput(
        f"holds {len(leaves)} server certificates: {_describe_all(leaves)}",
        where=leaves[-1].where,
        fix="Upload each one by itself, with its own chain and key.",
        code="several-server-certificates",
    )


def _describe_all(given: Iterable[InputCertificate]) -> str:
    return ", ".join(describe_certificate(one.certificate) for one in given)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue: its basic constraints say so, or it is an old root without any."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return is_root(certificate) and not list_dns_names(certificate)
    return constraints.value.ca


def is_root(certificate: x509.Certificate) -> bool:
    """Whether it names itself as issuer."""
    return certificate.issuer == certificate.subject


def is_issued_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `child` names `parent` as its issuer and the key of `parent` signed it."""
    if is_sm2(parent):
        return is_issued_by_sm2(child, parent)
    try:
        child.verify_directly_issued_by(parent)
    except NOT_ISSUED:
        return False
    return True


def build_chain(
    leaf: InputCertificate,
    given: Sequence[InputCertificate],
    now: datetime,
    roots: Sequence[x509.Certificate],
) -> list[x509.Certificate]:
    """The chain to serve: the leaf, then its intermediates; each signature verified, no root.

    A chain is complete if it ends at a root or at an authority that a root issued; with `roots` it
    must end at one of those. Raises BadInput that names the certificate which is missing, does not
    belong, or must not issue.
    """
    path, rest = _build_path(leaf, [one for one in given if one is not leaf], now)
    last = path[-1].certificate
    if len(path) == 1 and not is_issued_by(last, last) and not _is_anchored(last, roots):
        raise _build_incomplete_error(path[-1])
    if unrelated := _list_unrelated(path, rest):
        after = f"{describe_certificate(last)}: {format_name(last.issuer)!r}"
        raise BadInput(
            f"{_describe_all(unrelated)} does not belong to the chain of "
            f"{describe_certificate(leaf.certificate)}",
            where=unrelated[0].where,
            fix=f"Leave it out, or add the certificate that is missing after {after}.",
            code="unrelated-certificate",
        )
    if roots and not _is_anchored(last, roots):
        raise _build_incomplete_error(path[-1])
    chain = path[:1] + [one for one in path[1:] if not is_root(one.certificate)]
    for below, authority in enumerate(chain[1:]):
        _check_authority(authority, below, now)
    return [one.certificate for one in chain]


def _build_path(
    leaf: InputCertificate, rest: list[InputCertificate], now: datetime
) -> tuple[list[InputCertificate], list[InputCertificate]]:
    """The path from `leaf` up as far as `rest` leads, and the certificates that are not in it."""
    path = [leaf]
    while not is_root(path[-1].certificate):
        issuer = _find_issuer(path[-1], rest, now)
        if issuer is None:
            break
        path.append(issuer)
        rest = [one for one in rest if one is not issuer]
    return path, rest


def _find_issuer(
    child: InputCertificate, among: Sequence[InputCertificate], now: datetime
) -> InputCertificate | None:
    """The issuer of `child` among the given; None if it is not there.

    A cross-signed authority has several certificates with one key: a valid one is preferred, then
    one that is not a root, then the one that is valid longest.
    """
    named = [one for one in among if one.certificate.subject == child.certificate.issuer]
    signers = [one for one in named if is_issued_by(child.certificate, one.certificate)]
    if named and not signers:
        raise BadInput(
            f"{describe_certificate(child.certificate)} was not signed by the key of "
            f"{describe_certificate(named[0].certificate)}",
            where=named[0].where,
            fix="An authority may have several certificates of one name: give the right one.",
            code="wrong-issuer",
        )
    return max(signers, key=lambda one: _get_preference(one.certificate, now), default=None)


def _get_preference(issuer: x509.Certificate, now: datetime) -> tuple[bool, bool, datetime]:
    until = issuer.not_valid_after_utc
    return issuer.not_valid_before_utc <= now <= until, not is_root(issuer), until


def _list_unrelated(
    path: Sequence[InputCertificate], rest: Sequence[InputCertificate]
) -> list[InputCertificate]:
    """The certificates of `rest` that did not issue anything in the path, directly or not."""
    known, left = list(path), list(rest)
    while related := [one for one in left if _has_issued_any(one, known)]:
        known += related
        left = [one for one in left if one not in related]
    return left


def _has_issued_any(issuer: InputCertificate, children: Sequence[InputCertificate]) -> bool:
    return any(is_issued_by(child.certificate, issuer.certificate) for child in children)


def _is_anchored(last: x509.Certificate, roots: Sequence[x509.Certificate]) -> bool:
    return any(last == root or is_issued_by(last, root) for root in roots)


def _build_incomplete_error(end: InputCertificate) -> BadInput:
    certificate, where = end
    if is_root(certificate):
        return BadInput(
            f"the chain ends at {describe_certificate(certificate)}, which is not among the "
            "trusted roots",
            where=where,
            fix="Add it to the roots, or leave the roots out.",
            code="untrusted-root",
        )
    url = find_issuer_url(certificate)
    source = f" It can be fetched from {url}." if url else ""
    return BadInput(
        f"the chain is incomplete: {describe_certificate(certificate)} was issued by "
        f"{format_name(certificate.issuer)!r}, whose certificate is missing",
        where=where,
        fix=f"Add it to the chain.{source}",
        code="incomplete-chain",
    )


def _check_authority(authority: InputCertificate, below: int, now: datetime) -> None:
    """Raise BadInput if clients refuse this intermediate; `below` counts those under it."""
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
            f"{describe_certificate(authority.certificate)} is not allowed to issue what it issued",
            where=authority.where,
            fix="Its key usage or path length forbids it: ask the authority for the right chain.",
            code="issuer-not-allowed",
        )
