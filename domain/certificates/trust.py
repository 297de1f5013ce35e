"""Whether clients that trust certain roots can build the chain that is served. Pure."""

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

from domain.certificates.chain import issued
from domain.certificates.sm2 import is_sm2
from domain.certificates.validation import text


def untrusted(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> str | None:
    """Why the chain (leaf first) builds to none of the roots at that time; None if it does.

    Which names the leaf has does not matter here. Of an SM2 chain only its end is looked at: no
    library here verifies more.
    """
    ends = chain[-1]
    anchored = any(one in roots or issuer_among(one, roots) for one in chain)
    if not anchored:
        return f"it ends at {text(ends.issuer)!r}, which is not among them"
    if is_sm2(chain[0]):
        return None
    builder = PolicyBuilder().store(Store(list(roots))).time(at).max_chain_depth(len(chain) + 1)
    policies = {"ca_policy": ExtensionPolicy.webpki_defaults_ca(), "ee_policy": _any_server()}
    try:
        builder.extension_policies(**policies).build_client_verifier().verify(
            chain[0], list(chain[1:])
        )
    except VerificationError as error:
        return f"a client that checks it at {at:%Y-%m-%d %H:%M} UTC refuses it: {error}"
    return None


def issuer_among(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The one of the candidates that issued it, by its signature; None if none did."""
    named = (one for one in candidates if one.subject == certificate.issuer)
    return next((one for one in named if issued(certificate, one)), None)


def _any_server() -> ExtensionPolicy:
    """The verifier asks for a client otherwise; who is served is the leaf's own business."""
    return ExtensionPolicy.permit_all().require_present(
        SubjectAlternativeName, Criticality.AGNOSTIC, None
    )
