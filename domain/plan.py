"""A plan: the changes of one task, checked and digested. Pure: preview and task share it."""

import hashlib
import json
from collections.abc import Iterable

from domain.certificate import Certificate
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
        counts = dict.fromkeys(self.certificates, 0)
        for change in self.changes:
            if change.after and change.after.fingerprint:
                counts[change.after.fingerprint] += 1
        return counts

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
        former = {c.after.fingerprint for c in changes if c.after and c.after.fingerprint}
        return Plan(certificates=tuple(sorted(former)), changes=changes)


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
    )
