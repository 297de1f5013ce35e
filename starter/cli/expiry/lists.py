"""Prints the lists of `certroll expiry`: certificates, resources, drift and unknown expiry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starter.cli.terminal.output import (
    get_row_limit,
    join_names,
    note,
    say_omitted,
    show_csv,
    show_json_list,
    show_table,
)

if TYPE_CHECKING:
    from domain.certificates.expiry import (
        Drift,
        ServedCertificate,
        ServingResource,
        Successor,
        UnknownExpiry,
    )
    from storage.expiry.statements import Scope
    from storage.listing import Listed
    from storage.store import Store

UNKNOWN = "unknown"


@dataclass(frozen=True)
class View:
    """One list: table columns, row builder, CSV columns, and the text for an empty list."""

    columns: Sequence[str]
    row: Callable[[Any, datetime], Sequence[str]]
    csv: Sequence[str]
    empty: str


def show(
    store: "Store", kind: str, scope: "Scope", form: str, limit: int | None, now: datetime
) -> None:
    """Prints one list in one format."""
    queries: dict[str, Callable[[Scope, int | None], Listed[Any]]] = {
        "certificates": store.expiry.list_certificates,
        "resources": store.expiry.list_resources,
        "drift": store.expiry.list_drifted,
        "unknown": store.expiry.list_unknown,
    }
    rows, total = queries[kind](scope, get_row_limit(limit) if form == "table" else limit)
    view = VIEWS[kind]
    if form == "json":
        show_json_list(_to_json(each, now) for each in rows)
    elif form == "csv":
        show_csv(view.csv, (_build_csv_row(_to_json(each, now), view.csv) for each in rows))
    else:
        show_table(view.columns, [view.row(each, now) for each in rows], empty=view.empty)
        say_omitted(len(rows), total)
        if kind == "certificates":
            _say_unknown(store, scope)


def _say_unknown(store: "Store", scope: "Scope") -> None:
    """Notes how many resources cannot be in the list, because their certificate is not known."""
    unfiltered = scope.model_copy(update={"before": None, "unmanaged": False})
    if unknown := store.expiry.count_unknown(unfiltered):
        note(f"{unknown} more resources: certificate or expiry not known. List them: --unknown")


def _to_json(value: Any, now: datetime) -> dict[str, Any]:
    from starter.cli.terminal.times import count_days_left

    facts: dict[str, Any] = value.model_dump(mode="json")
    if "not_after" in facts:
        facts["days_left"] = (
            None if value.not_after is None else count_days_left(value.not_after, now)
        )
    return facts


def _build_csv_row(facts: dict[str, Any], columns: Sequence[str]) -> list[str | int | None]:
    return [_format_csv_cell(facts, column) for column in columns]


def _format_csv_cell(facts: dict[str, Any], column: str) -> str | int | None:
    if column in ("accounts", "services"):
        field = column.removesuffix("s")
        return " ".join(sorted({each[field] for each in facts["services"]}))
    value = facts[column]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, dict):
        return str(value["name"])
    return value if isinstance(value, int) else None if value is None else str(value)


def _build_certificate_row(each: "ServedCertificate", now: datetime) -> Sequence[str]:
    where = [f"{p.resources} in {p.account}/{p.service}" for p in each.services]
    return (
        _format_certificate(each.fingerprint, each.name),
        each.issuer or UNKNOWN,
        _format_expiry(each.not_after, now),
        str(each.resources),
        join_names(where),
        _format_managed(each.managed),
        _format_successor(each.successor),
    )


def _build_resource_row(each: "ServingResource", now: datetime) -> Sequence[str]:
    return (
        each.resource,
        join_names(each.domains),
        _format_certificate(each.fingerprint, each.name),
        _format_expiry(each.not_after, now),
        _format_managed(each.managed),
        _format_successor(each.successor),
    )


def _build_drift_row(each: "Drift", now: datetime) -> Sequence[str]:
    from starter.cli.terminal.times import format_minute

    serves = "HTTPS off" if each.managed is None else _format_certificate(each.serves, each.name)
    if each.address is not None:
        name = _format_certificate(each.serves, each.name) if each.serves else "nothing"
        serves = f"{name} at {each.address}"
    return (
        each.resource,
        each.deployed[:12],
        f"{each.task_name} ({format_minute(each.deployed_at)})",
        serves,
        "" if each.managed is None else _format_expiry(each.not_after, now),
    )


def _build_unknown_row(each: "UnknownExpiry", _now: datetime) -> Sequence[str]:
    return each.resource, each.name or "", each.reason


def _format_certificate(fingerprint: str | None, name: str | None) -> str:
    parts = (fingerprint and fingerprint[:12], name)
    return " ".join(filter(None, parts)) or "an unnamed certificate"


def _format_expiry(until: datetime | None, now: datetime) -> str:
    from starter.cli.terminal.times import count_days_left, format_minute

    if until is None:
        return UNKNOWN
    left = count_days_left(until, now)
    return f"{format_minute(until)} ({f'{left} days left' if left >= 0 else 'expired'})"


def _format_managed(managed: bool | None) -> str:
    return UNKNOWN if managed is None else "yes" if managed else "no"


def _format_successor(ready: "Successor | None") -> str:
    return f"{ready.name} ({ready.not_after:%Y-%m-%d})" if ready else ""


VIEWS = {
    "certificates": View(
        ("CERTIFICATE", "ISSUER", "EXPIRES", "RESOURCES", "SERVICES", "IN VAULT", "SUCCESSOR"),
        _build_certificate_row,
        (
            *("fingerprint", "name", "names", "issuer", "not_after", "days_left", "managed"),
            *("resources", "accounts", "services", "successor"),
        ),
        "No such certificate is served as of the last sync: certroll inventory sync",
    ),
    "resources": View(
        ("RESOURCE", "DOMAINS", "SERVES", "EXPIRES", "IN VAULT", "SUCCESSOR"),
        _build_resource_row,
        (
            *("resource", "account", "service", "domains", "fingerprint", "name", "issuer"),
            *("not_after", "days_left", "managed", "successor"),
        ),
        "No such certificate is served as of the last sync: certroll inventory sync",
    ),
    "drift": View(
        ("RESOURCE", "DEPLOYED", "BY TASK", "SERVES NOW", "EXPIRES"),
        _build_drift_row,
        (
            *("resource", "account", "service", "deployed", "serves", "name", "not_after"),
            *("days_left", "managed", "task_id", "task_name", "deployed_at", "seen_at"),
            *("address", "problem"),
        ),
        "No drift, as of the last sync and the last `certroll verify`.",
    ),
    "unknown": View(
        ("RESOURCE", "SERVES", "REASON"),
        _build_unknown_row,
        ("resource", "account", "service", "name", "reason"),
        "Certificate and expiry of every resource are known.",
    ),
}
