"""Makes docs/cli.md from the commands themselves."""

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import typer

from starter.cli.main import ABOUT, app
from starter.cli.terminal.exit_codes import MEANINGS

NOTE = "<!-- Made by docs/generate.py from the code; `make docs` writes it anew. -->"
SETTINGS = """
Settings are environment variables: `CERTROLL_HOME` (default `~/.certroll`),
`CERTROLL_DATABASE_URL`, `CERTROLL_KEK` or `CERTROLL_KEK_FILE`, `CERTROLL_TEMPORAL_ADDRESS`,
`CERTROLL_TEMPORAL_NAMESPACE`, `CERTROLL_SMTP_URL`, `CERTROLL_MAIL_FROM`,
`CERTROLL_METRICS_ADDRESS`, `CERTROLL_LOG_LEVEL`; and, with their defaults, `CERTROLL_SYNC_EVERY`
(`6h`, or `off`), `CERTROLL_INVENTORY_AGE` (`8h`: an older one is synced before a plan, and what was
seen longer ago is read again), `CERTROLL_READ_AGE` (`0m`: what was read within it a sync does not
read again),
`CERTROLL_EXPIRY_WATCH` (`24h`, or `off`: docs/notifications.md),
`CERTROLL_WINDOW_MARGIN` (`48h`) and `CERTROLL_KEEP_CERTIFICATES` (`2`).
`certroll doctor` says what of it is missing. `CERTROLL_DEBUG=1` shows the traceback of an error.

Results go to standard output, everything else to standard error. With `--json` a command prints
one JSON document (`task watch` one line for each change), and an error is
`{"error": {"what": ..., "where": ..., "fix": ...}}` on standard error. In a pipe a table's rows are
whole lines. No secret is taken as an argument: it comes from a file, the environment or a prompt.
"""


def render() -> str:
    """Every command with its arguments and options, and every exit code, in Markdown."""
    root = typer.main.get_command(app)
    lines = ["# Commands", "", NOTE, "", cleandoc(ABOUT), SETTINGS]
    lines += ["## Exit codes", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    for path, command in _commands(root, "certroll"):
        lines += ["", *_section(path, command)]
    return "\n".join(lines) + "\n"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """All commands below this one, groups before their members."""
    if path != "certroll":
        yield path, command
    with typer.Context(command, info_name=path) as context:
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
    for name in names:
        yield from _commands(command.commands[name], f"{path} {name}")


def _section(path: str, command: Any) -> Iterator[str]:
    yield f"#{'#' * path.count(' ')} {path}"
    yield ""
    yield cleandoc(command.help or "")
    rows = [_row(param) for param in command.params if not getattr(param, "hidden", False)]
    if rows:
        yield ""
        yield "| argument or option | what it is | default |"
        yield "| --- | --- | --- |"
        yield from rows


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        shown = f"`{param.metavar}`"
    else:
        value = "" if param.is_flag else f" {param.metavar or 'N'}"
        shown = ", ".join(f"`{name}{value}`" for name in param.opts)
    return f"| {_cell(shown)} | {_cell(param.help or '')}{_range(param)} | {_default(param)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _range(param: Any) -> str:
    least, most = getattr(param, "min", None), getattr(param, "max", None)
    if least is None and most is None:
        return ""
    return f" At least {least}." if most is None else f" {least} to {most}."


def _default(param: Any) -> str:
    if param.required:
        return "must be given"
    return "" if param.default in (None, "", False) else f"`{param.default}`"
