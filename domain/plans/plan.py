"""A plan: the changes of one task, checked and digested. Pure: preview and task share it."""

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
from domain.resources.resource import Binding, Resource

K = TypeVar("K")


class Change(Value):
    """One resource, its binding before and its binding after.

    `before` lies in the plan because a crash may repeat the step that binds: read then, the new
    state would be recorded as the former. `not_reversible` says why there is no way back; changes
    with the same `lock` are made one at a time, in all tasks. `unverifiable` says why no handshake can
    show the change: it can be accepted, never verified. `why` tells a person why this certificate
    was chosen; it is no part of what is done.
    """

    resource: Resource
    before: Binding | None
    after: Binding | None
    store: str
    lock: str | None = None
    cost: int = 0
    not_reversible: str | None = None
    unverifiable: str | None = None
    warnings: tuple[str, ...] = ()
    why: str | None = None

    @property
    def names_lost(self) -> tuple[str, ...]:
        """Names that the certificate before covers and the one after does not, where both tell."""
        return _beyond(self.before, self.after)

    @property
    def names_gained(self) -> tuple[str, ...]:
        """Names that the certificate after covers and the one before does not, where both tell."""
        return _beyond(self.after, self.before)

    @property
    def key_change(self) -> tuple[str, str] | None:
        """The kinds of key before and after, where both are known and differ."""
        return self._differ("algorithm")

    @property
    def issuer_change(self) -> tuple[str, str] | None:
        """Who issued the certificates before and after, where both are known and differ."""
        return self._differ("issuer")

    def _differ(self, field: Literal["algorithm", "issuer"]) -> tuple[str, str] | None:
        was, will = (getattr(each, field, None) for each in (self.before, self.after))
        return (was, will) if was and will and was != will else None


class Total(Value):
    """How many changes, what they cost, how many have no way back, and how many no proof."""

    changes: int = 0
    cost: int = 0
    not_reversible: int = 0
    unverifiable: int = 0


class Plan(Value):
    """The changes of one task in a fixed order, what was refused, what already serves.

    They come as domain/ordering.py says, the most urgent first. `near_misses` are what no
    certificate covers, though one nearly does. `as_of` is when the longest unseen of the changes'
    resources was seen to serve what it serves before; each is read again before it is changed.
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
        """What is not in the plan only because a cloud did not answer."""
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
        totals = _totals(self.changes, lambda change: _fingerprint(change.after))
        return {fingerprint: totals.get(fingerprint, Total()) for fingerprint in self.certificates}

    @property
    def totals_by_service(self) -> dict[str, Total]:
        """Totals per service, in alphabetical order; only services with changes."""
        return dict(sorted(_totals(self.changes, lambda change: change.resource.service).items()))

    @property
    def digest(self) -> str:
        """SHA-256 over what would be done: the same plan, the same digest, anywhere."""
        # Kept beside the fields, with the changes that it is of: a copy may have other ones.
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


def _beyond(one: Binding | None, other: Binding | None) -> tuple[str, ...]:
    """The names that `one` covers and `other` does not; HTTPS off covers none."""
    if one is None or (other and not other.names):
        return ()
    return list_uncovered_names(one.names, other.names if other else ())


def _fingerprint(binding: Binding | None) -> str | None:
    return binding.fingerprint if binding else None


def _digest(changes: Iterable[Change]) -> str:
    """Of one JSON list of them, with sorted keys; never all of it in memory."""
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
    found = hashlib.sha256(b"[")
    for number, change in enumerate(changes):
        text = encoder.encode(change.model_dump(mode="json", exclude={"why"}))
        found.update(f",{text}".encode() if number else text.encode())
    found.update(b"]")
    return found.hexdigest()


def _totals(changes: Iterable[Change], key: Callable[[Change], K]) -> dict[K, Total]:
    """Totals per key, in one walk over all changes."""
    groups: dict[K, list[Change]] = {}
    for change in changes:
        groups.setdefault(key(change), []).append(change)
    return {each: _total(group) for each, group in groups.items()}


def _total(counted: Sequence[Change]) -> Total:
    return Total(
        changes=len(counted),
        cost=sum(change.cost for change in counted),
        not_reversible=sum(change.not_reversible is not None for change in counted),
        unverifiable=sum(change.unverifiable is not None for change in counted),
    )
