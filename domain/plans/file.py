"""A saved plan as a file: what it names, for people to review and for git to keep."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import yaml
from pydantic import StringConstraints, ValidationError

from domain.model import Value
from domain.plans.plan import Change, Plan
from domain.plans.request import PlanRequest
from domain.plans.saved import SavedPlan
from domain.plans.yaml_source import Fault, decode, load, refused
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding

MOST_BYTES = 128 << 20  # a hundred thousand changes need about half of it

Hex = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class NamedCertificate(Value):
    """A certificate by its fingerprint; `name` is for people, and must be the right one."""

    fingerprint: Hex
    name: str | None = None


class NamedChange(Value):
    """One resource by its id, what it serves before (null: HTTPS is off), and which comes after.

    All else of a change follows from these three, wherever the file is imported.
    """

    resource: str
    before: Binding | None
    after: Hex


class PlanFile(Value):
    """The whole file. Without `digest` it is taken as it is written."""

    certroll_plan: Literal[1]
    name: PlanName
    digest: Hex | None = None
    plan_request: PlanRequest | None = None
    certificates: tuple[NamedCertificate, ...]
    changes: tuple[NamedChange, ...]


# Writes every value out: a reader of ours takes no anchors.
_DUMPER: Any = type(
    "Dumper",
    (getattr(yaml, "CSafeDumper", yaml.SafeDumper),),
    {"ignore_aliases": lambda self, data: True},
)


def write(record: SavedPlan, plan: Plan, names: Mapping[str, str]) -> Iterator[str]:
    """The file in pieces; `names` are those of the certificates by fingerprint.

    The same plan gives the same text, but for its name.
    """
    yield from (f"# {_printable(line)}\n" for line in _head(record, plan))
    certificates = [
        {"fingerprint": each, **({"name": names[each]} if each in names else {})}
        for each in plan.certificates
    ]
    top: dict[str, Any] = {"certroll_plan": 1, "name": record.name, "digest": plan.digest}
    if record.plan_request is not None:
        top["wish"] = _brief(record.plan_request)
    yield _yaml({**top, "certificates": certificates})
    yield "changes:\n"
    for change in plan.changes:
        yield from (f"# {_printable(line)}\n" for line in _remarks(change))
        yield _yaml([_named(change)])


def read(data: bytes, where: str) -> tuple[PlanFile, str]:
    """The file and its text; BadInput that tells line and column of each error in it."""
    text = decode(data, where)
    found = load(text, where)
    try:
        file = PlanFile.model_validate(found)
    except ValidationError as error:
        raise refused(text, where, map(_fault, error.errors(include_url=False))) from None
    faults = list(_stray(file))
    if faults:
        raise refused(text, where, faults)
    return file, text


def unknown(
    file: PlanFile,
    items: Mapping[str, InventoryItem],
    names: Mapping[str, str],
    accounts: Collection[str],
) -> list[Fault]:
    """What the file names and this installation does not know, or knows by another name."""
    faults: list[Fault] = []
    for number, named in enumerate(file.certificates):
        name = names.get(named.fingerprint)
        if name is None:
            what = f"there is no certificate {named.fingerprint[:12]}: upload it first"
            faults.append(Fault(("certificates", number, "fingerprint"), what))
        elif named.name not in (None, name):
            what = f"this certificate is called {name!r} here, not {named.name!r}"
            faults.append(Fault(("certificates", number, "name"), what))
    for number, change in enumerate(file.changes):
        if reason := _stranger(change.resource, items.get(change.resource), accounts):
            faults.append(Fault(("changes", number, "resource"), reason))
    for number, each in enumerate(file.plan_request.certificates if file.plan_request else ()):
        if each not in names:
            what = f"there is no certificate {each[:12]!r}"
            faults.append(Fault(("wish", "certificates", number), what))
    return faults


def _stranger(resource: str, item: InventoryItem | None, accounts: Collection[str]) -> str | None:
    if item is not None:
        return f"the resource {resource!r} has vanished" if item.vanished_at else None
    account = resource.partition("/")[0]
    if account not in accounts:
        return f"there is no account {account!r}"
    return f"the resource {resource!r} is not in the inventory: sync it, or check the name"


def differs(file: PlanFile, digest: str) -> list[Fault]:
    """That the digest which the file states is not the one of what it says."""
    if file.digest in (None, digest):
        return []
    what = (
        f"the plan of this file has digest {digest[:12]} here: it was edited, or a resource or a "
        "certificate is not what it was. Without this line the file is taken as it is"
    )
    return [Fault(("digest",), what)]


def _stray(file: PlanFile) -> Iterator[Fault]:
    """What pydantic cannot see: references inside the file, and times without a zone."""
    if not file.changes:
        yield Fault(("changes",), "there is no change in it")
    seen: set[str] = set()
    own = {each.fingerprint for each in file.certificates}
    for field, value in file.plan_request or ():
        if isinstance(value, datetime) and _is_naive(value):
            yield Fault(("wish", field), "this time has no zone")
    for number, change in enumerate(file.changes):
        if change.resource in seen:
            yield Fault(("changes", number, "resource"), f"{change.resource!r} is changed twice")
        seen.add(change.resource)
        if change.after not in own:
            what = f"{change.after[:12]} is none of the `certificates` of this file"
            yield Fault(("changes", number, "after"), what)
        if change.before and _is_naive(change.before.not_after):
            yield Fault(("changes", number, "before", "not_after"), "this time has no zone")


def _is_naive(when: datetime | None) -> bool:
    return when is not None and when.tzinfo is None


def _fault(error: Any) -> Fault:
    """What pydantic found, in our words."""
    kind, path = error["type"], tuple(error["loc"])
    if kind == "extra_forbidden":
        return Fault(path, f"unknown field {path[-1]!r}", at_key=True)
    if kind == "missing":
        return Fault(path, f"the field {path[-1]!r} is missing")
    if kind == "string_pattern_mismatch":
        return Fault(path, "64 hexadecimal digits in lower case are expected")
    message = error["msg"].replace("Input should", "this should")
    quoted = " (put it in quotes)" if kind == "string_type" and error["input"] is not None else ""
    return Fault(path, f"{message}{quoted}")


def _head(record: SavedPlan, plan: Plan) -> Iterator[str]:
    yield f"{record.name}: {len(plan.changes)} changes, quota {plan.cost}"
    yield f"made {record.created_at:%Y-%m-%d %H:%M} UTC by {record.created_by}"
    for service, total in plan.totals_by_service.items():
        yield f"{service}: {total.changes}"
    if plan.refusals or plan.unchanged:
        left = f"{len(plan.refusals)} refused, {len(plan.unchanged)} served already"
        yield f"not part of it: {left}"
    yield "Take it: certroll plan import FILE. Edited by hand it needs no digest."


def _remarks(change: Change) -> Iterator[str]:
    if change.not_reversible:
        yield f"one way: {change.not_reversible}"
    yield from (f"warning: {text}" for text in change.warnings)


def _named(change: Change) -> dict[str, Any]:
    return {
        "resource": change.resource.id,
        "before": _brief(change.before) if change.before else None,
        "after": change.after.fingerprint if change.after else None,
    }


def _brief(value: Value) -> dict[str, Any]:
    return value.model_dump(mode="json", exclude_defaults=True)


def _yaml(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1000, encoding=None
    )
    return text


def _printable(text: str) -> str:
    """On one line: a comment must not end before its end."""
    return "".join(c if c.isprintable() else " " for c in text)
