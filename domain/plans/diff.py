"""What differs between two plans, resource by resource. Pure."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from domain.model import Value
from domain.plans.plan import Change, Plan
from domain.resources.resource import Binding, describe, serves

# What is done to a resource beside its bindings; the words of a warning do not count.
_DETAILS = ("resource", "store", "lock", "cost", "not_reversible", "unverifiable")


class What(StrEnum):
    """In which way a resource differs between two plans."""

    ADDED = "added"
    REMOVED = "removed"
    REFUSED = "refused"
    BEFORE = "before"
    AFTER = "after"
    DETAILS = "details"


class Difference(Value):
    """One of them: what the one plan says, what the other, and why where that is known."""

    resource: str
    what: What
    was: str | None = None
    now: str | None = None
    reason: str | None = None


def differences(one: Plan, other: Plan) -> tuple[Difference, ...]:
    """All of them from `one` to `other`, by resource id; empty if both do the same."""
    was = {change.resource.id: change for change in one.changes}
    now = {change.resource.id: change for change in other.changes}
    refused = {refusal.subject: refusal.reason for refusal in other.refusals}
    unchanged = set(other.unchanged)
    found: list[Difference] = []
    for resource in sorted(was.keys() | now.keys()):
        if resource not in was:
            new = describe(now[resource].after)
            found.append(Difference(resource=resource, what=What.ADDED, now=new))
        elif resource in now:
            found += _between(was[resource], now[resource])
        else:
            found.append(_gone(was[resource], refused, resource in unchanged))
    return tuple(found)


def _gone(change: Change, refused: Mapping[str, str], serves_it: bool) -> Difference:
    """A refusal names the resource, or the certificate that was meant for it."""
    resource, was = change.resource.id, describe(change.after)
    if serves_it:
        reason = "it serves this certificate already"
        return Difference(resource=resource, what=What.REMOVED, was=was, reason=reason)
    subjects = (resource, (change.after and change.after.name) or "")
    for reason in (refused[each] for each in subjects if each in refused):
        return Difference(resource=resource, what=What.REFUSED, was=was, reason=reason)
    reason = "it no longer matches, or has vanished"
    return Difference(resource=resource, what=What.REMOVED, was=was, reason=reason)


def _between(was: Change, now: Change) -> Iterator[Difference]:
    resource = was.resource.id
    for what, one, other in (
        (What.BEFORE, was.before, now.before),
        (What.AFTER, was.after, now.after),
    ):
        if not serves(one, other):
            yield Difference(resource=resource, what=what, was=_told(one), now=_told(other))
    fields = [name for name in _DETAILS if getattr(was, name) != getattr(now, name)]
    if fields == ["not_reversible"] and not serves(was.before, now.before):
        return
    if fields:
        reason = ", ".join(_changed(name, was, now) for name in fields)
        yield Difference(resource=resource, what=What.DETAILS, reason=reason)


def _changed(name: str, was: Change, now: Change) -> str:
    """A field and both its values, where these are short; the parts of a resource by name."""
    if name != "resource":
        return f"{name} was {getattr(was, name)!r}, is {getattr(now, name)!r}"
    one, other = dict(was.resource), dict(now.resource)
    return ", ".join(
        f"{part} was {one[part]!r}, is {other[part]!r}" for part in one if one[part] != other[part]
    )


def _told(binding: Binding | None) -> str:
    return describe(binding) if binding else "HTTPS off"
