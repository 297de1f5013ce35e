"""Decides whether clients with certain roots trust a chain; preflight and revocation call it."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import SubjectAlternativeName
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from domain.certificates.chain import is_issued_by
from domain.certificates.sm2 import is_sm2
from domain.certificates.validation import format_name


def explain_untrusted(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> str | None:
    """Why the chain (leaf first) leads to none of the roots at that time; None if it does.

    The names of the leaf are not checked. Of an SM2 chain only the end is checked, since no library
    here verifies more.
    """
    if not any(one in roots or find_issuer(one, roots) for one in chain):
        return f"it ends at {format_name(chain[-1].issuer)!r}, which is not among them"
    if is_sm2(chain[0]):
        return None
    builder = PolicyBuilder().store(Store(list(roots))).time(at).max_chain_depth(len(chain) + 1)
    policies = {
        "ca_policy": ExtensionPolicy.webpki_defaults_ca(),
        "ee_policy": _build_leaf_policy(),
    }
    try:
        builder.extension_policies(**policies).build_client_verifier().verify(
            chain[0], list(chain[1:])
        )
    except VerificationError as error:
        return f"a client that checks it at {at:%Y-%m-%d %H:%M} UTC refuses it: {error}"
    return None


def find_issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The candidate that issued the certificate, by its signature; None if none did."""
    named = (one for one in candidates if one.subject == certificate.issuer)
    return next((one for one in named if is_issued_by(certificate, one)), None)


def _build_leaf_policy() -> ExtensionPolicy:
    # The default asks for a client certificate. Which names a server has is not checked here.
    return ExtensionPolicy.permit_all().require_present(
        SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
