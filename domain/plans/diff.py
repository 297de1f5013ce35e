"""Compares two plans, resource by resource. Pure; called by starter.requests and the CLI."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from domain.model import Value
from domain.plans.plan import Change, Plan
from domain.resources.resource import Binding, describe_binding, is_same_binding

# What is done to a resource besides its bindings. Warnings are not compared.
_DETAILS = ("resource", "store", "lock", "cost", "not_reversible", "unverifiable")


class DifferenceKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    ALREADY_SERVED = "already-served"
    REFUSED = "refused"
    BEFORE = "before"
    AFTER = "after"
    DETAILS = "details"


class Difference(Value):
    """How one resource differs: the value in each plan, and the reason where it is known."""

    resource: str
    kind: DifferenceKind
    was: str | None = None
    now: str | None = None
    reason: str | None = None


def compare_plans(one: Plan, other: Plan) -> tuple[Difference, ...]:
    """The differences from `one` to `other`, by resource id; empty if both do the same."""
    was = {change.resource.id: change for change in one.changes}
    now = {change.resource.id: change for change in other.changes}
    refused = {refusal.subject: refusal.reason for refusal in other.refusals}
    unchanged = set(other.unchanged)
    found: list[Difference] = []
    for resource in sorted(was.keys() | now.keys()):
        if resource not in was:
            new = describe_binding(now[resource].after)
            found.append(Difference(resource=resource, kind=DifferenceKind.ADDED, now=new))
        elif resource in now:
            found += _compare_changes(was[resource], now[resource])
        else:
            found.append(_explain_removed(was[resource], refused, resource in unchanged))
    return tuple(found)


def _explain_removed(change: Change, refused: Mapping[str, str], is_unchanged: bool) -> Difference:
    """Explains a removed change; a refusal names the resource or the certificate."""
    resource, was = change.resource.id, describe_binding(change.after)
    if is_unchanged:
        reason = "it already serves this certificate"
        return Difference(
            resource=resource, kind=DifferenceKind.ALREADY_SERVED, was=was, reason=reason
        )
    subjects = (resource, (change.after and change.after.name) or "")
    for reason in (refused[each] for each in subjects if each in refused):
        return Difference(resource=resource, kind=DifferenceKind.REFUSED, was=was, reason=reason)
    reason = "it no longer matches the plan request, or has vanished"
    return Difference(resource=resource, kind=DifferenceKind.REMOVED, was=was, reason=reason)


def _compare_changes(was: Change, now: Change) -> Iterator[Difference]:
    resource = was.resource.id
    for what, one, other in (
        (DifferenceKind.BEFORE, was.before, now.before),
        (DifferenceKind.AFTER, was.after, now.after),
    ):
        if not is_same_binding(one, other):
            yield Difference(resource=resource, kind=what, was=_describe(one), now=_describe(other))
    fields = [name for name in _DETAILS if getattr(was, name) != getattr(now, name)]
    if fields == ["not_reversible"] and not is_same_binding(was.before, now.before):
        return
    if fields:
        reason = ", ".join(_describe_change_of(name, was, now) for name in fields)
        yield Difference(resource=resource, kind=DifferenceKind.DETAILS, reason=reason)


def _describe_change_of(name: str, was: Change, now: Change) -> str:
    """A field with both values; of a resource only the parts that differ."""
    if name != "resource":
        return f"{name} was {getattr(was, name)!r}, is {getattr(now, name)!r}"
    one, other = dict(was.resource), dict(now.resource)
    return ", ".join(
        f"{part} was {one[part]!r}, is {other[part]!r}" for part in one if one[part] != other[part]
    )


def _describe(binding: Binding | None) -> str:
    return describe_binding(binding) if binding else "HTTPS off"
