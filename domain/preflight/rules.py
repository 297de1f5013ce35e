"""What preflight finds in a plan and its certificates alone; nothing is asked of anybody."""

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
from domain.preflight.finding import Finding, found
from domain.resources.resource import Binding

MOST_NAMED = 3


def chain_of(certificate: Certificate) -> list[x509.Certificate]:
    """The leaf and its intermediates, as they are served."""
    return x509.load_pem_x509_certificates(certificate.chain_pem.encode())


def check_times(certificate: Certificate, at: datetime, least: timedelta) -> list[Finding]:
    """Whether leaf and intermediates are valid at `at`, and for as long as they should be."""
    since, until = certificate.not_before, certificate.not_after
    told: list[tuple[str, str]] = []
    if not since <= at < until:
        told.append(("C01", f"valid from {_day(since)} to {_day(until)}, not on {_day(at)}"))
    elif until - at < least:
        told.append(("C02", f"ends on {_day(until)}, {_days(until - at)} after the task begins"))
    for authority in chain_of(certificate)[1:]:
        name, ends = validation.describe_certificate(authority), authority.not_valid_after_utc
        if not authority.not_valid_before_utc <= at < ends:
            begins = _day(authority.not_valid_before_utc)
            told.append(("C04", f"{name} is valid from {begins} to {_day(ends)}"))
        elif ends < until:
            told.append(("C05", f"{name} ends on {_day(ends)}, its leaf on {_day(until)}"))
    return [of_certificate(check, certificate, what) for check, what in told]


def check_key(certificate: Certificate, key: PrivateKey) -> list[Finding]:
    """Whether this private key is the certificate's own; its text is never part of a finding."""
    try:
        matches = _matches(certificate, key)
    except BadInput as error:
        return [of_certificate("C03", certificate, f"the key that is kept for it {error.what}")]
    wrong = "the private key that is kept for it belongs to another certificate"
    return [] if matches else [of_certificate("C03", certificate, wrong)]


def _matches(certificate: Certificate, key: PrivateKey) -> bool:
    leaf = chain_of(certificate)[0]
    if not is_sm2(leaf):
        own = validation.read_public_key(InputCertificate(leaf, certificate.name))
        return read_key(key.pem(), None, certificate.name).public_key() == own
    other = x509.load_pem_x509_certificate((certificate.encrypt_pem or "").encode())
    return all(
        read_sm2_key(pem, certificate.name).point == read_public_point(half)
        for half, pem in zip((leaf, other), key.split_pair(), strict=True)
    )


def check_changes(changes: Iterable[Change], managed: Collection[str]) -> list[Finding]:
    """What clients may notice, and what is served that nobody manages (`managed`: fingerprints).

    The same words for many resources are one finding.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        for check, what in _noticed(change, managed):
            groups.setdefault((check, what), []).append(change.resource.id)
    return [of_resources(check, ids, what) for (check, what), ids in groups.items()]


def _noticed(change: Change, managed: Collection[str]) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if change.names_lost:
        told.append(("C09", f"names no longer covered: {', '.join(change.names_lost)}"))
    if change.key_change:
        told.append(("C10", f"the key changes from {' to '.join(change.key_change)}"))
    if change.issuer_change:
        told.append(("C11", f"the issuer changes from {' to '.join(change.issuer_change)}"))
    if change.before is not None and (what := _stranger(change.before, managed)):
        told.append(("C12", what))
    return told


def _stranger(before: Binding, managed: Collection[str]) -> str | None:
    if before.fingerprint is None:
        return "its service does not tell which certificate it serves"
    known = before.fingerprint in managed
    return None if known else "what it serves is not among the certificates kept here"


def check_stores(changes: Iterable[Change], store_of: Callable[[Change], str]) -> list[Finding]:
    """Whether each certificate goes where its resource binds from."""
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        if (store := store_of(change)) != change.store:
            groups.setdefault((store, change.store), []).append(change.resource.id)
    return [
        of_resources(
            "C16", ids, f"binds from {store}, the plan puts the certificate into {planned}"
        )
        for (store, planned), ids in groups.items()
    ]


def check_states(changes: Iterable[Change], states: Mapping[str, str | None]) -> list[Finding]:
    """By what the inventory says: `states` by resource id, None for what has vanished."""
    groups: dict[tuple[str, str], list[str]] = {}
    for change in changes:
        place = change.resource.id
        state = states.get(place)
        if state is None:
            told = "has vanished" if place in states else "is not in the inventory any more"
            groups.setdefault(("C18", told), []).append(place)
        elif state != "online":
            groups.setdefault(("C19", f"is {state}"), []).append(place)
    return [of_resources(check, ids, what) for (check, what), ids in groups.items()]


def of_certificate(check: str, certificate: Certificate, what: str) -> Finding:
    """A finding about one certificate."""
    return found(check, certificate.name, what).model_copy(
        update={"certificate": certificate.fingerprint}
    )


def of_resources(check: str, ids: Sequence[str], what: str) -> Finding:
    """A finding about these resources."""
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    subject = f"{', '.join(ids[:MOST_NAMED])}{more}"
    return found(check, subject, what).model_copy(update={"resources": tuple(ids)})


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.1f} days"
