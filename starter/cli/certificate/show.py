"""A certificate as a person reads it, and among the others: whose successor it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starter.cli.terminal.output import show_fields, show_json, show_table, some

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.certificates.renewal import Policy, Standing
    from storage.store import Store

Fields = list[tuple[str, str]]


class Family:
    """All certificates with what each follows and is followed by."""

    def __init__(self, store: "Store") -> None:
        self.all = store.certificates.list()
        self._standings = store.certificates.standings()
        self._names = {each.fingerprint: each.name for each in self.all}
        followed = {new: each.replaces for new, each in self._standings.items()}
        self.former = {new: old for new, old in followed.items() if old is not None}
        self.later = {old: new for new, old in self.former.items()}

    def called(self, fingerprint: str | None) -> str:
        """Name and beginning of the fingerprint, of a deleted one too; "" for None."""
        if fingerprint is None:
            return ""
        return f"{self._names.get(fingerprint, 'deleted')} ({fingerprint[:12]})"

    def name(self, fingerprint: str | None) -> str:
        """The name alone, or the beginning of the fingerprint of a deleted one; "" for None."""
        return "" if fingerprint is None else self._names.get(fingerprint, fingerprint[:12])

    def standing(self, certificate: "Certificate") -> "Standing":
        """What it follows, and its policy."""
        return self._standings[certificate.fingerprint]


def show_list(family: Family, *, as_json: bool) -> None:
    """One line each; who follows whom only if any does."""
    if as_json:
        show_json([facts(each, family) for each in family.all])
        return
    columns: dict[str, list[str]] = {
        "NAME": [each.name for each in family.all],
        "NAMES": [some([*each.names, *each.addresses]) for each in family.all],
        "KEY": [f"{each.algorithm} {each.key_bits}" for each in family.all],
        "SOURCE": [each.source for each in family.all],
        "EXPIRES": [_expiry(each) for each in family.all],
        "REPLACES": [family.name(family.former.get(each.fingerprint)) for each in family.all],
        "REPLACED BY": [family.name(family.later.get(each.fingerprint)) for each in family.all],
        "SHA-256": [each.short for each in family.all],
    }
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    rows = list(zip(*shown.values(), strict=True))
    show_table(tuple(shown), rows, empty="No certificates yet: certroll certificate upload")


def show_one(certificate: "Certificate", family: Family) -> None:
    """All of it but its key."""
    from starter.cli.terminal.times import shown

    show_fields(
        [
            ("name", certificate.name),
            ("names", "\n".join([*certificate.names, *certificate.addresses])),
            ("key", f"{certificate.algorithm} {certificate.key_bits} bits"),
            ("source", certificate.source),
            ("valid from", shown(certificate.not_before)),
            ("expires", _expiry(certificate)),
            ("serial", certificate.serial),
            ("SHA-256", certificate.fingerprint),
            ("SHA-1", certificate.sha1),
            *_encryption(certificate),
            *_family(certificate, family),
            ("subject", certificate.subject),
            ("issuer", certificate.issuer),
            ("chain", "\n".join(_chain(certificate))),
        ]
    )


def facts(certificate: "Certificate", family: Family) -> dict[str, Any]:
    """All of it but its key, as JSON."""
    from datetime import UTC, datetime

    from starter.cli.terminal.times import days_left

    left = days_left(certificate.not_after, datetime.now(UTC))
    return {
        **certificate.model_dump(mode="json"),
        "days_left": left,
        "chain": _chain(certificate),
        "replaces": family.former.get(certificate.fingerprint),
        "replaced_by": family.later.get(certificate.fingerprint),
        "policy": family.standing(certificate).policy,
    }


def policy_words(policy: "Policy") -> str:
    """The policy in one line."""
    parts: Sequence[tuple[str, Sequence[str]]] = (
        ("tells", policy.contacts),
        ("only in", policy.accounts),
        ("only", policy.services),
    )
    told = [f"{word} {', '.join(names)}" for word, names in parts if names]
    return "; ".join([policy.mode, *told, f"may be taken back for {policy.rollback_days} days"])


def _family(certificate: "Certificate", family: Family) -> Fields:
    standing, later = family.standing(certificate), family.later.get(certificate.fingerprint)
    fields = [("replaces", standing.replaces), ("replaced by", later)]
    told = [(name, family.called(which)) for name, which in fields if which]
    return [*told, ("policy", policy_words(standing.policy))]


def _encryption(certificate: "Certificate") -> Fields:
    """Of an SM2 pair the half that all other facts do not tell of."""
    half = certificate.encrypt_fingerprint
    return [("encrypts with", f"SHA-256 {half}")] if half else []


def _expiry(certificate: "Certificate") -> str:
    from datetime import UTC, datetime

    from starter.cli.terminal.times import days_left, shown

    left = days_left(certificate.not_after, datetime.now(UTC))
    told = f"{left} days left" if left >= 0 else "expired"
    return f"{shown(certificate.not_after)} ({told})"


def _chain(certificate: "Certificate") -> list[str]:
    """The subjects from the leaf up."""
    from cryptography import x509

    parsed = x509.load_pem_x509_certificates(certificate.chain_pem.encode())
    return [each.subject.rfc4514_string() for each in parsed]
