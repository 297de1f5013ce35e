"""A plan: the checked and digested changes of one task. Pure; every layer uses it."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeVar

from domain.certificates.certificate import Certificate
from domain.certificates.coverage import list_uncovered_names
from domain.certificates.validation import get_common_name
from domain.model import Value
from domain.plans.near_misses import NearMiss
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.connector import ChangeWarning
from domain.resources.resource import Binding, Resource

K = TypeVar("K")


class Change(Value):
    """One resource, its binding before and its binding after.

    The plan holds `before`, because a crash may repeat the step that binds: a step that reads it
    would then take the new binding for the former one. `not_reversible` says why no rollback is
    possible. Changes with the same `lock` run one at a time, in all tasks. `unverifiable` says why
    no handshake can show the change: it can be accepted, never verified. `why` says why this
    certificate was chosen; the digest ignores it.
    """

    resource: Resource
    before: Binding | None
    after: Binding | None
    store: str
    lock: str | None = None
    cost: int = 0
    not_reversible: str | None = None
    unverifiable: str | None = None
    warnings: tuple[ChangeWarning, ...] = ()
    why: str | None = None

    @property
    def names_lost(self) -> tuple[str, ...]:
        """Names that only the certificate before covers; empty if a service reports no names."""
        return _list_names_only_in(self.before, self.after)

    @property
    def names_gained(self) -> tuple[str, ...]:
        """Names that only the certificate after covers; empty if a service reports no names."""
        return _list_names_only_in(self.after, self.before)

    @property
    def key_change(self) -> tuple[str, str] | None:
        """The kinds of key before and after, where both are known and differ."""
        return self._find_difference("algorithm")

    @property
    def issuer_change(self) -> tuple[str, str] | None:
        """Who issued the certificates before and after, where both are known and differ."""
        return self._find_difference("issuer")

    def _find_difference(self, field: Literal["algorithm", "issuer"]) -> tuple[str, str] | None:
        was, will = (getattr(each, field, None) for each in (self.before, self.after))
        return (was, will) if was and will and was != will else None


class Total(Value):
    """Number and cost of changes, and how many cannot be rolled back or verified."""

    changes: int = 0
    cost: int = 0
    not_reversible: int = 0
    unverifiable: int = 0


class Plan(Value):
    """The changes of one task in a fixed order (`builder.sort_by_urgency`), and the refusals.

    `unchanged` holds the ids of resources that already serve their certificate. `near_misses` are
    resources that a certificate nearly covers. `as_of` is the oldest time at which a binding
    `before` was read; the task reads each again before it changes it.
    """

    certificates: tuple[str, ...]
    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...] = ()
    unchanged: tuple[str, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    as_of: datetime | None = None

    @property
    def cost(self) -> int:
        """Deployments of quota that this plan reserves."""
        return sum(change.cost for change in self.changes)

    @property
    def unread(self) -> tuple[Refusal, ...]:
        """Refusals only because a cloud did not answer."""
        return tuple(each for each in self.refusals if each.code == RefusalCode.UNREAD)

    @property
    def unverifiable(self) -> int:
        """Changes that no handshake can show: they can be accepted, never verified."""
        return sum(change.unverifiable is not None for change in self.changes)

    @property
    def matches(self) -> dict[str, int]:
        """Changes per certificate fingerprint; 0 for one that matched nothing."""
        return {
            fingerprint: total.changes for fingerprint, total in self.totals_by_certificate.items()
        }

    @property
    def totals_by_certificate(self) -> dict[str, Total]:
        """Totals per certificate fingerprint; zeros for one that matched nothing."""
        totals = _count_by(self.changes, lambda change: _fingerprint(change.after))
        return {fingerprint: totals.get(fingerprint, Total()) for fingerprint in self.certificates}

    @property
    def totals_by_service(self) -> dict[str, Total]:
        """Totals per service, in alphabetical order; only services with changes."""
        return dict(sorted(_count_by(self.changes, lambda change: change.resource.service).items()))

    @property
    def digest(self) -> str:
        """SHA-256 over the changes: the same plan has the same digest everywhere."""
        # Cached outside the fields, with its changes: a copy may have other changes.
        known: tuple[object, str] | None = vars(self).get("_digested")
        if known is None or known[0] is not self.changes:
            known = self.changes, _digest(self.changes)
            vars(self)["_digested"] = known
        return known[1]


def build_inverse(change: Change) -> Change:
    """The change that undoes this one."""
    return change.model_copy(update={"before": change.after, "after": change.before, "why": None})


def build_binding(certificate: Certificate) -> Binding:
    """The binding that a resource has once it serves this certificate."""
    return Binding(
        fingerprint=certificate.fingerprint,
        name=certificate.name,
        names=certificate.names,
        not_after=certificate.not_after,
        algorithm=certificate.algorithm.value,
        issuer=get_common_name(certificate.issuer),
    )


def _list_names_only_in(one: Binding | None, other: Binding | None) -> tuple[str, ...]:
    """Names that `one` covers and `other` does not; HTTPS off covers none."""
    if one is None or (other and not other.names):
        return ()
    return list_uncovered_names(one.names, other.names if other else ())


def _fingerprint(binding: Binding | None) -> str | None:
    return binding.fingerprint if binding else None


def _digest(changes: Iterable[Change]) -> str:
    """SHA-256 of the changes as one JSON list with sorted keys, built piece by piece."""
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(b"[")
    for number, change in enumerate(changes):
        text = encoder.encode(change.model_dump(mode="json", exclude={"why"}))
        digest.update(f",{text}".encode() if number else text.encode())
    digest.update(b"]")
    return digest.hexdigest()


def _count_by(changes: Iterable[Change], key: Callable[[Change], K]) -> dict[K, Total]:
    """Totals per key, in one pass over all changes."""
    groups: dict[K, list[Change]] = {}
    for change in changes:
        groups.setdefault(key(change), []).append(change)
    return {each: _count(group) for each, group in groups.items()}


def _count(counted: Sequence[Change]) -> Total:
    return Total(
        changes=len(counted),
        cost=sum(change.cost for change in counted),
        not_reversible=sum(change.not_reversible is not None for change in counted),
        unverifiable=sum(change.unverifiable is not None for change in counted),
    )
