"""Writes the pages of docs/ that come from the code; `make docs` calls it."""

import argparse
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import connectors
from docs.cli_reference import render as render_cli
from domain.resources.connector import Connector
from domain.tasks.status import (
    CLOUD_OUTCOME_STATUS,
    CLOUD_TASK_STATUS,
    OUTCOME_TRANSITIONS,
    TASK_TRANSITIONS,
)

FOLDER = Path(__file__).parent
NOTE = "<!-- Made by docs/generate.py from the code; `make docs` writes it anew. -->"


def render_connectors() -> str:
    """The Markdown page of all providers' settings and all connectors."""
    lines = ["# Connectors", "", NOTE, ""]
    for provider in connectors.list_providers():
        lines += _describe_provider(provider)
        for service in connectors.list_services():
            if service.partition(".")[0] == provider:
                lines += _describe_connector(service, connectors.load_connector(service))
    return "\n".join(lines).rstrip() + "\n"


def render_statuses() -> str:
    """The Markdown page of all statuses: the cloud's names, and what may follow."""
    lines = ["# Statuses", "", NOTE, ""]
    lines += [
        "What a status is called by the cloud's own deployment API, and what may follow it.",
        "",
    ]
    lines += ["## Tasks", "", *_list_statuses(CLOUD_TASK_STATUS, TASK_TRANSITIONS), ""]
    lines += ["## Outcomes", "", *_list_statuses(CLOUD_OUTCOME_STATUS, OUTCOME_TRANSITIONS)]
    return "\n".join(lines) + "\n"


PAGES = {"cli.md": render_cli, "connectors.md": render_connectors, "statuses.md": render_statuses}


def list_stale(folder: Path) -> list[str]:
    """The names of pages in `folder` that are missing or out of date."""
    return [name for name, page in PAGES.items() if _read(folder / name) != page()]


def write_pages(folder: Path) -> None:
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """The exit code: 1 if `--check` found a stale page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    if not parser.parse_args(arguments).check:
        write_pages(FOLDER)
        return 0
    names = list_stale(FOLDER)
    for name in names:
        sys.stderr.write(f"docs/{name} is stale: run `make docs`\n")
    return 1 if names else 0


def _describe_provider(name: str) -> list[str]:
    model = connectors.get_settings_model(name)
    about = inspect.getdoc(sys.modules[f"connectors.{name}"]) or ""
    return [
        *(f"## {name}", "", about, "", f"An account's settings: {inspect.getdoc(model)}", ""),
        *("| setting | what it is | default |", "| --- | --- | --- |"),
        *_list_settings(model),
        "",
    ]


def _list_settings(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        secret = " (secret)" if field.annotation is SecretStr else ""
        yield f"| `{name}`{secret} | {field.description} | {_format_default(field)} |"


def _format_default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return "none" if value in (None, "") else f"`{value}`"


def _describe_connector(service: str, connector: type[Connector]) -> list[str]:
    about = inspect.getdoc(sys.modules[connector.__module__]) or ""
    seconds = connector.propagation.total_seconds()
    return [
        *(f"### {service}", "", f"**{connector.title}**. {about}", ""),
        f"- scenarios: {_join(connector.scenarios) or 'none, nothing is served from it'}",
        f"- algorithms: {_join(connector.algorithms)}",
        f"- calls per second: {connector.queries_per_second:g} at most",
        f"- propagation: up to {seconds:g} s after the service has taken a change",
        f"- rollback: {_describe_rollback(connector)}",
        "- permissions:",
        *(f"  - `{permission}`" for permission in connector.permissions),
        "",
    ]


def _describe_rollback(connector: type[Connector]) -> str:
    if not connector.scenarios:
        return "none is needed"
    if connector.explain_not_reversible is Connector.explain_not_reversible:
        return "the former certificate, or none"
    except_when = inspect.getdoc(connector.explain_not_reversible) or ""
    return f"the former certificate, or none. {except_when}"


def _list_statuses(
    words: Mapping[StrEnum, str], transitions: Mapping[StrEnum, frozenset[StrEnum]]
) -> Iterator[str]:
    yield "| status | the cloud's word | may become |"
    yield "| --- | --- | --- |"
    for status, word in words.items():
        yield f"| `{status}` | `{word}` | {_join(transitions[status]) or 'nothing, it is final'} |"


def _join(values: frozenset[StrEnum]) -> str:
    order = [str(member) for value in values for member in type(value)]
    return ", ".join(f"`{value}`" for value in sorted(map(str, values), key=order.index))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
