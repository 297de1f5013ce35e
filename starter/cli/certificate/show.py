"""Prints certificates, with what each replaces. Called by the certificate commands and the hook."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starter.cli.terminal.output import join_names, show_fields, show_json, show_table

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.certificates.renewal import RenewalPolicy, RenewalSettings
    from storage.store import Store

Fields = list[tuple[str, str]]


class CertificateFamily:
    """All certificates, with predecessor and successor of each."""

    def __init__(self, store: "Store") -> None:
        self.all = store.certificates.list()
        self._renewals = store.certificates.list_renewals()
        self._names = {each.fingerprint: each.name for each in self.all}
        followed = {new: each.replaces for new, each in self._renewals.items()}
        self.predecessors = {new: old for new, old in followed.items() if old is not None}
        self.successors = {old: new for new, old in self.predecessors.items()}

    def get_label(self, fingerprint: str | None) -> str:
        """Returns name and short fingerprint, also of a deleted certificate; "" for None."""
        if fingerprint is None:
            return ""
        return f"{self._names.get(fingerprint, 'deleted')} ({fingerprint[:12]})"

    def get_name(self, fingerprint: str | None) -> str:
        """Returns the name; of a deleted certificate the short fingerprint; "" for None."""
        return "" if fingerprint is None else self._names.get(fingerprint, fingerprint[:12])

    def get_renewal(self, certificate: "Certificate") -> "RenewalSettings":
        """Returns what the certificate replaces, and its policy."""
        return self._renewals[certificate.fingerprint]


def show_list(family: CertificateFamily, *, as_json: bool) -> None:
    """Prints one line for each certificate; columns without any value are left out."""
    if as_json:
        show_json([certificate_to_json(each, family) for each in family.all])
        return
    columns: dict[str, list[str]] = {
        "NAME": [each.name for each in family.all],
        "NAMES": [join_names([*each.names, *each.addresses]) for each in family.all],
        "KEY": [f"{each.algorithm} {each.key_bits}" for each in family.all],
        "SOURCE": [each.source for each in family.all],
        "EXPIRES": [_format_expiry(each) for each in family.all],
        "REPLACES": [
            family.get_name(family.predecessors.get(each.fingerprint)) for each in family.all
        ],
        "REPLACED BY": [
            family.get_name(family.successors.get(each.fingerprint)) for each in family.all
        ],
        "SHA-256": [each.short_fingerprint for each in family.all],
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    rows = list(zip(*shown.values(), strict=True))
    show_table(tuple(shown), rows, empty="No certificates yet: certroll certificate upload")


def show_one(certificate: "Certificate", family: CertificateFamily) -> None:
    """Prints all of a certificate but its key."""
    from starter.cli.terminal.times import format_minute

    show_fields(
        [
            ("name", certificate.name),
            ("names", "\n".join([*certificate.names, *certificate.addresses])),
            ("key", f"{certificate.algorithm} {certificate.key_bits} bits"),
            ("source", certificate.source),
            ("valid from", format_minute(certificate.not_before)),
            ("expires", _format_expiry(certificate)),
            ("serial", certificate.serial),
            ("SHA-256", certificate.fingerprint),
            ("SHA-1", certificate.sha1),
            *_list_encryption_fields(certificate),
            *_list_family_fields(certificate, family),
            ("subject", certificate.subject),
            ("issuer", certificate.issuer),
            ("chain", "\n".join(_list_chain_subjects(certificate))),
        ]
    )


def certificate_to_json(certificate: "Certificate", family: CertificateFamily) -> dict[str, Any]:
    """Converts all of a certificate but its key to JSON."""
    from datetime import UTC, datetime

    from starter.cli.terminal.times import count_days_left

    left = count_days_left(certificate.not_after, datetime.now(UTC))
    return {
        **certificate.model_dump(mode="json"),
        "days_left": left,
        "chain": _list_chain_subjects(certificate),
        "replaces": family.predecessors.get(certificate.fingerprint),
        "replaced_by": family.successors.get(certificate.fingerprint),
        "policy": family.get_renewal(certificate).policy,
    }


def format_policy(policy: "RenewalPolicy") -> str:
    """Formats the policy in one line."""
    parts: Sequence[tuple[str, Sequence[str]]] = (
        ("notifies", policy.contacts),
        ("only in", policy.accounts),
        ("only", policy.services),
    )
    scope = [f"{word} {', '.join(names)}" for word, names in parts if names]
    return "; ".join([policy.mode, *scope, f"rollback for {policy.rollback_days} days"])


def _list_family_fields(certificate: "Certificate", family: CertificateFamily) -> Fields:
    renewal, successor = (
        family.get_renewal(certificate),
        family.successors.get(certificate.fingerprint),
    )
    fields = [("replaces", renewal.replaces), ("replaced by", successor)]
    links = [(name, family.get_label(which)) for name, which in fields if which]
    return [*links, ("policy", format_policy(renewal.policy))]


def _list_encryption_fields(certificate: "Certificate") -> Fields:
    """Lists the encryption certificate of an SM2 pair; other fields are of the signing one."""
    half = certificate.encrypt_fingerprint
    return [("encrypts with", f"SHA-256 {half}")] if half else []


def _format_expiry(certificate: "Certificate") -> str:
    from datetime import UTC, datetime

    from starter.cli.terminal.times import count_days_left, format_minute

    left = count_days_left(certificate.not_after, datetime.now(UTC))
    text = f"{left} days left" if left >= 0 else "expired"
    return f"{format_minute(certificate.not_after)} ({text})"


def _list_chain_subjects(certificate: "Certificate") -> list[str]:
    """Lists the subjects of the chain, leaf first."""
    from cryptography import x509

    parsed = x509.load_pem_x509_certificates(certificate.chain_pem.encode())
    return [each.subject.rfc4514_string() for each in parsed]
