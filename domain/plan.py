"""A plan: the changes of one task, checked and digested. Pure: preview and task share it."""

import hashlib
import json
from collections.abc import Iterable
from typing import Literal

from domain.certificate import Certificate
from domain.checks import common_name
from domain.coverage import uncovered
from domain.model import Value
from domain.resource import Binding, Resource


class Change(Value):
    """One resource, its binding before and its binding after.

    `before` lies in the plan because a crash may repeat the step that binds: read then, the new
    state would be recorded as the former. `not_reversible` says why there is no way back; changes
    with the same `lock` are made one at a time, in all tasks.
    """

    resource: Resource
    before: Binding | None
    after: Binding | None
    store: str
    lock: str | None = None
    cost: int = 0
    not_reversible: str | None = None
    warnings: tuple[str, ...] = ()

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
    """How many changes, what they cost, and how many of them have no way back."""

    changes: int = 0
    cost: int = 0
    not_reversible: int = 0


class Refusal(Value):
    """Why something asked for is not in the plan. `subject` is a resource id or a certificate."""

    subject: str
    rule: str
    reason: str


class Plan(Value):
    """The changes of one task in a fixed order, what was refused, what already serves."""

    certificates: tuple[str, ...]
    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...] = ()
    unchanged: tuple[str, ...] = ()

    @property
    def cost(self) -> int:
        """Deployments of quota that this plan reserves."""
        return sum(change.cost for change in self.changes)

    @property
    def matches(self) -> dict[str, int]:
        """Changes per certificate fingerprint; 0 for one that matched nothing."""
        return {
            fingerprint: total.changes for fingerprint, total in self.totals_by_certificate.items()
        }

    @property
    def totals_by_certificate(self) -> dict[str, Total]:
        """Totals per certificate fingerprint; zeros for one that matched nothing."""
        return {
            fingerprint: _total(c for c in self.changes if _fingerprint(c.after) == fingerprint)
            for fingerprint in self.certificates
        }

    @property
    def totals_by_service(self) -> dict[str, Total]:
        """Totals per service, in alphabetical order; only services with changes."""
        return {
            service: _total(c for c in self.changes if c.resource.service == service)
            for service in sorted({change.resource.service for change in self.changes})
        }

    @property
    def digest(self) -> str:
        """SHA-256 over what would be done: the same plan, the same digest, anywhere."""
        value = [change.model_dump(mode="json") for change in self.changes]
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def inverse(self, only: Iterable[str] | None = None) -> "Plan":
        """The way back: before and after change places; `only` names the resource ids to take."""
        chosen = None if only is None else set(only)
        changes = tuple(
            invert(change)
            for change in self.changes
            if chosen is None or change.resource.id in chosen
        )
        former = {_fingerprint(change.after) for change in changes}
        return Plan(certificates=tuple(sorted(filter(None, former))), changes=changes)


def invert(change: Change) -> Change:
    """The change that undoes this one."""
    return change.model_copy(update={"before": change.after, "after": change.before})


def wanted(certificate: Certificate) -> Binding:
    """The binding that a resource has once it serves this certificate."""
    return Binding(
        fingerprint=certificate.fingerprint,
        name=certificate.name,
        names=certificate.names,
        not_after=certificate.not_after,
        algorithm=certificate.algorithm.value,
        issuer=common_name(certificate.issuer),
    )


def _beyond(one: Binding | None, other: Binding | None) -> tuple[str, ...]:
    """The names that `one` covers and `other` does not; HTTPS off covers none."""
    if one is None or (other and not other.names):
        return ()
    return uncovered(one.names, other.names if other else ())


def _fingerprint(binding: Binding | None) -> str | None:
    return binding.fingerprint if binding else None


def _total(changes: Iterable[Change]) -> Total:
    counted = list(changes)
    return Total(
        changes=len(counted),
        cost=sum(change.cost for change in counted),
        not_reversible=sum(change.not_reversible is not None for change in counted),
    )
