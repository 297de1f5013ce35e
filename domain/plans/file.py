"""Writes a saved plan as a YAML file for review and git, and reads such a file.

Called by `certroll plan export` and `plan import`.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import yaml
from pydantic import StringConstraints, ValidationError

from domain.model import Value
from domain.plans.plan import Change, Plan
from domain.plans.request import PlanRequest
from domain.plans.saved import SavedPlan
from domain.plans.yaml_source import Fault, build_error_at, decode_text, parse_yaml
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding

MAX_BYTES = 128 << 20  # a hundred thousand changes need about half of it

Hex = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
PlanName = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class NamedCertificate(Value):
    """A certificate by its fingerprint; `name` is for people, and must match the stored name."""

    fingerprint: Hex
    name: str | None = None


class NamedChange(Value):
    """One resource by id, its binding before (null: HTTPS is off), the fingerprint after.

    Where the file is imported, the rest of the change is derived from these three.
    """

    resource: str
    before: Binding | None
    after: Hex


class PlanFile(Value):
    """The whole file. A file without `digest` is imported as it is written."""

    certroll_plan: Literal[1]
    name: PlanName
    digest: Hex | None = None
    plan_request: PlanRequest | None = None
    certificates: tuple[NamedCertificate, ...]
    changes: tuple[NamedChange, ...]


# Writes every value out, because `parse_yaml` refuses anchors and aliases.
_DUMPER: Any = type(
    "Dumper",
    (getattr(yaml, "CSafeDumper", yaml.SafeDumper),),
    {"ignore_aliases": lambda self, data: True},
)


def to_yaml(record: SavedPlan, plan: Plan, names: Mapping[str, str]) -> Iterator[str]:
    """The text of the file in pieces; `names` holds certificate names by fingerprint.

    The same plan gives the same text, except for the plan's name.
    """
    yield from (f"# {_printable(line)}\n" for line in _list_head_lines(record, plan))
    certificates = [
        {"fingerprint": each, **({"name": names[each]} if each in names else {})}
        for each in plan.certificates
    ]
    top: dict[str, Any] = {"certroll_plan": 1, "name": record.name, "digest": plan.digest}
    if record.plan_request is not None:
        top["plan_request"] = _to_json(record.plan_request)
    yield _yaml({**top, "certificates": certificates})
    yield "changes:\n"
    for change in plan.changes:
        yield from (f"# {_printable(line)}\n" for line in _list_remarks(change))
        yield _yaml([_change_to_json(change)])


def parse_plan_file(data: bytes, where: str) -> tuple[PlanFile, str]:
    """The file and its text; raises BadInput with line and column of each error in it."""
    text = decode_text(data, where)
    data_found = parse_yaml(text, where)
    try:
        file = PlanFile.model_validate(data_found)
    except ValidationError as error:
        raise build_error_at(text, where, map(_to_fault, error.errors(include_url=False))) from None
    faults = list(_list_inconsistencies(file))
    if faults:
        raise build_error_at(text, where, faults)
    return file, text


def list_unknown_names(
    file: PlanFile,
    items: Mapping[str, InventoryItem],
    names: Mapping[str, str],
    accounts: Collection[str],
) -> list[Fault]:
    """Names in the file that this installation lacks, or knows by another name."""
    faults: list[Fault] = []
    for number, named in enumerate(file.certificates):
        name = names.get(named.fingerprint)
        if name is None:
            what = f"there is no certificate {named.fingerprint[:12]}: upload it first"
            faults.append(Fault(("certificates", number, "fingerprint"), what))
        elif named.name not in (None, name):
            what = f"this certificate is named {name!r} here, not {named.name!r}"
            faults.append(Fault(("certificates", number, "name"), what))
    for number, change in enumerate(file.changes):
        if reason := _explain_unknown(change.resource, items.get(change.resource), accounts):
            faults.append(Fault(("changes", number, "resource"), reason))
    for number, each in enumerate(file.plan_request.certificates if file.plan_request else ()):
        if each not in names:
            what = f"there is no certificate {each[:12]!r}"
            faults.append(Fault(("plan_request", "certificates", number), what))
    return faults


def _explain_unknown(
    resource: str, item: InventoryItem | None, accounts: Collection[str]
) -> str | None:
    if item is not None:
        return f"the resource {resource!r} has vanished" if item.vanished_at else None
    account = resource.partition("/")[0]
    if account not in accounts:
        return f"there is no account {account!r}"
    return f"the resource {resource!r} is not in the inventory: sync it, or check the name"


def list_digest_faults(file: PlanFile, digest: str) -> list[Fault]:
    """A fault if the file states another digest than that of its content."""
    if file.digest in (None, digest):
        return []
    what = (
        f"the plan of this file has digest {digest[:12]} here: the file was edited, or a resource "
        "or a certificate has changed. Remove this line to import the file as it is"
    )
    return [Fault(("digest",), what)]


def _list_inconsistencies(file: PlanFile) -> Iterator[Fault]:
    """What pydantic does not check: references inside the file, and times without a zone."""
    if not file.changes:
        yield Fault(("changes",), "the file has no changes")
    resources: set[str] = set()
    known = {each.fingerprint for each in file.certificates}
    for field, value in file.plan_request or ():
        if isinstance(value, datetime) and _is_naive(value):
            yield Fault(("plan_request", field), "this time has no zone")
    for number, change in enumerate(file.changes):
        if change.resource in resources:
            yield Fault(("changes", number, "resource"), f"{change.resource!r} is changed twice")
        resources.add(change.resource)
        if change.after not in known:
            what = f"{change.after[:12]} is not among the `certificates` of this file"
            yield Fault(("changes", number, "after"), what)
        if change.before and _is_naive(change.before.not_after):
            yield Fault(("changes", number, "before", "not_after"), "this time has no zone")


def _is_naive(when: datetime | None) -> bool:
    return when is not None and when.tzinfo is None


def _to_fault(error: Any) -> Fault:
    """An error of pydantic as a fault, worded for who edits the file."""
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


def _list_head_lines(record: SavedPlan, plan: Plan) -> Iterator[str]:
    yield f"{record.name}: {len(plan.changes)} changes, quota {plan.cost}"
    yield f"created {record.created_at:%Y-%m-%d %H:%M} UTC by {record.created_by}"
    for service, total in plan.totals_by_service.items():
        yield f"{service}: {total.changes}"
    if plan.refusals or plan.unchanged:
        left_out = f"{len(plan.refusals)} refused, {len(plan.unchanged)} unchanged"
        yield f"not in the plan: {left_out}"
    yield "Import: certroll plan import FILE. Remove the digest after editing by hand."


def _list_remarks(change: Change) -> Iterator[str]:
    if change.not_reversible:
        yield f"not reversible: {change.not_reversible}"
    yield from (f"warning: {warning.text}" for warning in change.warnings)


def _change_to_json(change: Change) -> dict[str, Any]:
    return {
        "resource": change.resource.id,
        "before": _to_json(change.before) if change.before else None,
        "after": change.after.fingerprint if change.after else None,
    }


def _to_json(value: Value) -> dict[str, Any]:
    return value.model_dump(mode="json", exclude_defaults=True)


def _yaml(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=1000, encoding=None
    )
    return text


def _printable(text: str) -> str:
    """The text on one line: a line break would end the comment early."""
    return "".join(c if c.isprintable() else " " for c in text)
