"""The lists of `certroll expiry`: certificates, resources, drift and what is not known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starter.cli.terminal.output import (
    note,
    say_rest,
    show_csv,
    show_json_list,
    show_table,
    shown_at_most,
    some,
)

if TYPE_CHECKING:
    from domain.certificates.expiry import Drift, Ready, Served, Serving, Unknown
    from storage.expiry.statements import Scope
    from storage.listing import Listed
    from storage.store import Store

NOT_TOLD = "not told"


@dataclass(frozen=True)
class View:
    """One list: its columns for people with how to fill them, those of its CSV, if it is empty."""

    columns: Sequence[str]
    row: Callable[[Any, datetime], Sequence[str]]
    csv: Sequence[str]
    empty: str


def show(
    store: "Store", kind: str, scope: "Scope", form: str, limit: int | None, now: datetime
) -> None:
    """Prints the list of this kind."""
    asking: dict[str, Callable[[Scope, int | None], Listed[Any]]] = {
        "certificates": store.expiry.certificates,
        "resources": store.expiry.resources,
        "drift": store.expiry.drifted,
        "unknown": store.expiry.unknown,
    }
    rows, total = asking[kind](scope, shown_at_most(limit) if form == "table" else limit)
    view = VIEWS[kind]
    if form == "json":
        show_json_list(_facts(each, now) for each in rows)
    elif form == "csv":
        show_csv(view.csv, (_cells(_facts(each, now), view.csv) for each in rows))
    else:
        show_table(view.columns, [view.row(each, now) for each in rows], empty=view.empty)
        say_rest(len(rows), total)
        if kind == "certificates":
            _say_unknown(store, scope)


def _say_unknown(store: "Store", scope: "Scope") -> None:
    """What cannot be in the list, whatever it serves: conditions on that are left out."""
    places = scope.model_copy(update={"before": None, "unmanaged": False})
    if unknown := store.expiry.how_many_unknown(places):
        note(f"Of {unknown} resources it is not known what they serve or until when: --unknown")


def _facts(value: Any, now: datetime) -> dict[str, Any]:
    from starter.cli.terminal.times import days_left

    facts: dict[str, Any] = value.model_dump(mode="json")
    if "not_after" in facts:
        facts["days_left"] = None if value.not_after is None else days_left(value.not_after, now)
    return facts


def _cells(facts: dict[str, Any], columns: Sequence[str]) -> list[str | int | None]:
    return [_cell(facts, column) for column in columns]


def _cell(facts: dict[str, Any], column: str) -> str | int | None:
    if column in ("accounts", "services"):
        field = column.removesuffix("s")
        return " ".join(sorted({place[field] for place in facts["places"]}))
    value = facts[column]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, dict):
        return str(value["name"])
    return value if isinstance(value, int) else None if value is None else str(value)


def _certificate(each: "Served", now: datetime) -> Sequence[str]:
    where = [f"{p.resources} in {p.account}/{p.service}" for p in each.places]
    return (
        _named(each.fingerprint, each.name),
        each.issuer or NOT_TOLD,
        _expires(each.not_after, now),
        str(each.resources),
        some(where),
        _ours(each.managed),
        _successor(each.successor),
    )


def _resource(each: "Serving", now: datetime) -> Sequence[str]:
    return (
        each.resource,
        some(each.domains),
        _named(each.fingerprint, each.name),
        _expires(each.not_after, now),
        _ours(each.managed),
        _successor(each.successor),
    )


def _drift(each: "Drift", now: datetime) -> Sequence[str]:
    from starter.cli.terminal.times import shown

    serves = "HTTPS off" if each.managed is None else _named(each.serves, each.name)
    if each.address is not None:
        serves = f"{_named(each.serves, each.name) if each.serves else 'nothing'} at {each.address}"
    return (
        each.resource,
        each.deployed[:12],
        f"{each.task_name} ({shown(each.deployed_at)})",
        serves,
        "" if each.managed is None else _expires(each.not_after, now),
    )


def _unknown(each: "Unknown", _now: datetime) -> Sequence[str]:
    return each.resource, each.name or "", each.reason


def _named(fingerprint: str | None, name: str | None) -> str:
    parts = (fingerprint and fingerprint[:12], name)
    return " ".join(filter(None, parts)) or "an unnamed certificate"


def _expires(until: datetime | None, now: datetime) -> str:
    from starter.cli.terminal.times import days_left, shown

    if until is None:
        return NOT_TOLD
    left = days_left(until, now)
    return f"{shown(until)} ({f'{left} days left' if left >= 0 else 'expired'})"


def _ours(managed: bool | None) -> str:
    return NOT_TOLD if managed is None else "yes" if managed else "no"


def _successor(ready: "Ready | None") -> str:
    return f"{ready.name} ({ready.not_after:%Y-%m-%d})" if ready else ""


VIEWS = {
    "certificates": View(
        ("CERTIFICATE", "ISSUER", "EXPIRES", "RESOURCES", "WHERE", "OURS", "SUCCESSOR"),
        _certificate,
        (
            *("fingerprint", "name", "names", "issuer", "not_after", "days_left", "managed"),
            *("resources", "accounts", "services", "successor"),
        ),
        "Nothing of that kind is served, as far as is known: certroll inventory sync",
    ),
    "resources": View(
        ("RESOURCE", "DOMAINS", "SERVES", "EXPIRES", "OURS", "SUCCESSOR"),
        _resource,
        (
            *("resource", "account", "service", "domains", "fingerprint", "name", "issuer"),
            *("not_after", "days_left", "managed", "successor"),
        ),
        "Nothing of that kind is served, as far as is known: certroll inventory sync",
    ),
    "drift": View(
        ("RESOURCE", "DEPLOYED", "BY TASK", "SERVES NOW", "EXPIRES"),
        _drift,
        (
            *("resource", "account", "service", "deployed", "serves", "name", "not_after"),
            *("days_left", "managed", "task_id", "task_name", "deployed_at", "seen_at"),
            *("address", "problem"),
        ),
        "Everything serves what was deployed last, as of the last sync and of `certroll verify`.",
    ),
    "unknown": View(
        ("RESOURCE", "SERVES", "WHY"),
        _unknown,
        ("resource", "account", "service", "name", "reason"),
        "Of every resource it is known what it serves, and until when.",
    ),
}
