"""Writes docs/connectors.md and docs/statuses.md from the code; `--check` says whether they fit."""

import argparse
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import connectors
from docs.cli_reference import render as cli_page
from domain.resources.connector import Connector
from domain.tasks.status import (
    CLOUD_OUTCOME_STATUS,
    CLOUD_TASK_STATUS,
    OUTCOME_TRANSITIONS,
    TASK_TRANSITIONS,
)

FOLDER = Path(__file__).parent
NOTE = "<!-- Made by docs/generate.py from the code; `make docs` writes it anew. -->"


def connectors_page() -> str:
    """Every provider's settings and every connector, in Markdown."""
    lines = ["# Connectors", "", NOTE, ""]
    for provider in connectors.list_providers():
        lines += _provider(provider)
        for service in connectors.list_services():
            if service.partition(".")[0] == provider:
                lines += _connector(service, connectors.load_connector(service))
    return "\n".join(lines).rstrip() + "\n"


def statuses_page() -> str:
    """Every status with the cloud's own word for it and what may follow, in Markdown."""
    lines = ["# Statuses", "", NOTE, ""]
    lines += [
        "What a status is called by the cloud's own deployment API, and what may follow it.",
        "",
    ]
    lines += ["## Tasks", "", *_statuses(CLOUD_TASK_STATUS, TASK_TRANSITIONS), ""]
    lines += ["## Outcomes", "", *_statuses(CLOUD_OUTCOME_STATUS, OUTCOME_TRANSITIONS)]
    return "\n".join(lines) + "\n"


PAGES = {"cli.md": cli_page, "connectors.md": connectors_page, "statuses.md": statuses_page}


def stale(folder: Path) -> list[str]:
    """The names of pages in `folder` that are missing or not what the code says."""
    return [name for name, page in PAGES.items() if _read(folder / name) != page()]


def write(folder: Path) -> None:
    """Writes all pages."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """0 if all is well, 1 if `--check` found a page that is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args(arguments).check:
        write(FOLDER)
        return 0
    names = stale(FOLDER)
    for name in names:
        sys.stderr.write(f"docs/{name} is stale: run `make docs`\n")
    return 1 if names else 0


def _provider(name: str) -> list[str]:
    model = connectors.get_settings_model(name)
    about = inspect.getdoc(sys.modules[f"connectors.{name}"]) or ""
    return [
        *(f"## {name}", "", about, "", f"An account's settings: {inspect.getdoc(model)}", ""),
        *("| setting | what it is | default |", "| --- | --- | --- |"),
        *_settings(model),
        "",
    ]


def _settings(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        secret = " (secret)" if field.annotation is SecretStr else ""
        yield f"| `{name}`{secret} | {field.description} | {_default(field)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return "none" if value in (None, "") else f"`{value}`"


def _connector(service: str, connector: type[Connector]) -> list[str]:
    about = inspect.getdoc(sys.modules[connector.__module__]) or ""
    seconds = connector.propagation.total_seconds()
    return [
        *(f"### {service}", "", f"**{connector.title}**. {about}", ""),
        f"- scenarios: {_words(connector.scenarios) or 'none, nothing is served from it'}",
        f"- algorithms: {_words(connector.algorithms)}",
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
    if connector.not_reversible is Connector.not_reversible:
        return "the former certificate, or none"
    except_when = inspect.getdoc(connector.not_reversible) or ""
    return f"the former certificate, or none. {except_when}"


def _statuses(
    words: Mapping[StrEnum, str], transitions: Mapping[StrEnum, frozenset[StrEnum]]
) -> Iterator[str]:
    yield "| status | the cloud's word | may become |"
    yield "| --- | --- | --- |"
    for status, word in words.items():
        yield f"| `{status}` | `{word}` | {_words(transitions[status]) or 'nothing, it is final'} |"


def _words(values: frozenset[StrEnum]) -> str:
    order = [str(member) for value in values for member in type(value)]
    return ", ".join(f"`{value}`" for value in sorted(map(str, values), key=order.index))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
