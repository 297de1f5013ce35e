"""`certroll connector`: the supported services, their limits, permissions and settings."""

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.shared import Json
from starter.cli.terminal.output import say, show_fields, show_json, show_table

if TYPE_CHECKING:
    from domain.resources.connector import Connector

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all services that certroll can deploy to."""
    import connectors

    facts = [_to_json(name, connectors.load_connector(name)) for name in connectors.list_services()]
    if as_json:
        show_json(facts)
        return
    rows = [(f["id"], f["title"], _join(f["scenarios"]), _join(f["algorithms"])) for f in facts]
    show_table(("SERVICE", "TITLE", "SCENARIOS", "ALGORITHMS"), rows)


@app.command()
def show(
    which: Annotated[
        str, typer.Argument(metavar="SERVICE|PROVIDER", help="For example alibaba.cdn or alibaba.")
    ],
    as_json: Json = False,
) -> None:
    """Shows one service: limits and permissions. Of a provider: the settings of an account."""
    import connectors

    if which in connectors.list_providers():
        settings = _list_settings(which)
        if as_json:
            show_json({"id": which, "settings": settings})
        else:
            rows = [(s["name"], s["description"], s["default"]) for s in settings]
            show_table(("SETTING", "DESCRIPTION", "DEFAULT"), rows)
        return
    facts = _to_json(which, connectors.load_connector(which))
    if as_json:
        show_json(facts)
        return
    about, permissions = facts.pop("about"), facts.pop("permissions")
    fields = [(key.replace("_", " "), _join(value)) for key, value in facts.items()]
    show_fields([*fields, ("permissions", "\n".join(permissions))])
    say(f"\n{about}")


def _to_json(name: str, kind: "type[Connector]") -> dict[str, Any]:
    return {
        "id": name,
        "title": kind.title,
        "scenarios": sorted(kind.scenarios),
        "algorithms": sorted(kind.algorithms),
        "calls_per_second": kind.queries_per_second,
        "propagation_seconds": kind.propagation.total_seconds(),
        "permissions": list(kind.permissions),
        "about": inspect.getdoc(sys.modules[kind.__module__]) or "",
    }


def _list_settings(provider: str) -> list[dict[str, str]]:
    import connectors

    return [
        {
            "name": name,
            "description": field.description or "",
            "default": "must be given" if field.is_required() else _join(field.default),
        }
        for name, field in connectors.get_settings_model(provider).model_fields.items()
    ]


def _join(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
