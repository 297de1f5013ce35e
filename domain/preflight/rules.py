"""Preflight checks that need only the plan, its certificates and the inventory. Pure.

Called by operations.preflight.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from cryptography import x509

from domain.certificates import validation
from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey, read_key
from domain.certificates.sm2 import is_sm2, read_public_point, read_sm2_key
from domain.certificates.validation import InputCertificate
from domain.errors import BadInput
from domain.plans.plan import Change
from domain.preflight.finding import Finding, build_finding
from domain.resources.resource import Binding

MOST_RESOURCES_NAMED = 3


def parse_chain(certificate: Certificate) -> list[x509.Certificate]:
    """The leaf and its intermediates, in the order in which they are served."""
    return x509.load_pem_x509_certificates(certificate.chain_pem.encode())


def check_times(certificate: Certificate, at: datetime, least: timedelta) -> list[Finding]:
    """Checks that leaf and intermediates are valid at `at`, and the leaf for `least` after it."""
    since, until = certificate.not_before, certificate.not_after
    found: list[tuple[str, str]] = []
    if not since <= at < until:
        found.append(("C01", f"valid from {_day(since)} to {_day(until)}, not on {_day(at)}"))
    elif until - at < least:
        found.append(("C02", f"ends on {_day(until)}, {_days(until - at)} after the task begins"))
    for authority in parse_chain(certificate)[1:]:
        name, ends = validation.describe_certificate(authority), authority.not_valid_after_utc
        if not authority.not_valid_before_utc <= at < ends:
            begins = _day(authority.not_valid_before_utc)
            found.append(("C04", f"{name} is valid from {begins} to {_day(ends)}"))
        elif ends < until:
            found.append(("C05", f"{name} ends on {_day(ends)}, its leaf on {_day(until)}"))
    return [build_certificate_finding(check, certificate, what) for check, what in found]


def check_key(certificate: Certificate, key: PrivateKey) -> list[Finding]:
    """Checks that the private key belongs to the certificate; never puts the key into a finding."""
    try:
        matches = _matches(certificate, key)
    except BadInput as error:
        return [
            build_certificate_finding(
                "C03", certificate, f"the key that is stored for it {error.what}"
            )
        ]
    wrong = "the private key that is stored for it belongs to another certificate"
    return [] if matches else [build_certificate_finding("C03", certificate, wrong)]


def _matches(certificate: Certificate, key: PrivateKey) -> bool:
    leaf = parse_chain(certificate)[0]
    if not is_sm2(leaf):
        own = validation.read_public_key(InputCertificate(leaf, certificate.name))
        return read_key(key.pem(), None, certificate.name).public_key() == own
    other = x509.load_pem_x509_certificate((certificate.encrypt_pem or "").encode())
    return all(
        read_sm2_key(pem, certificate.name).point == read_public_point(half)
        for half, pem in zip((leaf, other), key.split_pair(), strict=True)
    )


def check_changes(changes: Iterable[Change], managed: Collection[str]) -> list[Finding]:
    """Finds what clients may notice, and served certificates that are not in `managed`.

    `managed` holds fingerprints. The same text for many resources makes one finding.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        for check, what in _list_client_changes(change, managed):
            groups.setdefault((check, what), []).append(change.resource.id)
    return [build_resources_finding(check, ids, what) for (check, what), ids in groups.items()]


def _list_client_changes(change: Change, managed: Collection[str]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if change.names_lost:
        found.append(("C09", f"names no longer covered: {', '.join(change.names_lost)}"))
    if change.key_change:
        found.append(("C10", f"the key changes from {' to '.join(change.key_change)}"))
    if change.issuer_change:
        found.append(("C11", f"the issuer changes from {' to '.join(change.issuer_change)}"))
    if change.before is not None and (what := _explain_unmanaged(change.before, managed)):
        found.append(("C12", what))
    return found


def _explain_unmanaged(before: Binding, managed: Collection[str]) -> str | None:
    if before.fingerprint is None:
        return "its service does not report which certificate it serves"
    known = before.fingerprint in managed
    return None if known else "the served certificate is not stored here"


def check_stores(changes: Iterable[Change], store_of: Callable[[Change], str]) -> list[Finding]:
    """Checks that each certificate goes into the store that its resource binds from."""
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if (store := store_of(change)) != change.store:
            groups.setdefault((store, change.store), []).append(change.resource.id)
    return [
        build_resources_finding(
            "C16", ids, f"binds from {store}, the plan puts the certificate into {planned}"
        )
        for (store, planned), ids in groups.items()
    ]


def check_states(changes: Iterable[Change], states: Mapping[str, str | None]) -> list[Finding]:
    """Checks states of the inventory: `states` by resource id, None for a vanished resource."""
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        resource = change.resource.id
        state = states.get(resource)
        if state is None:
            what = "has vanished" if resource in states else "is no longer in the inventory"
            groups.setdefault(("C18", what), []).append(resource)
        elif state != "online":
            groups.setdefault(("C19", f"is {state}"), []).append(resource)
    return [build_resources_finding(check, ids, what) for (check, what), ids in groups.items()]


def build_certificate_finding(check: str, certificate: Certificate, what: str) -> Finding:
    return build_finding(check, certificate.name, what).model_copy(
        update={"certificate": certificate.fingerprint}
    )


def build_resources_finding(check: str, ids: Sequence[str], what: str) -> Finding:
    more = f" and {len(ids) - MOST_RESOURCES_NAMED} more" if len(ids) > MOST_RESOURCES_NAMED else ""
    subject = f"{', '.join(ids[:MOST_RESOURCES_NAMED])}{more}"
    return build_finding(check, subject, what).model_copy(update={"resources": tuple(ids)})


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.1f} days"
