"""The command `certroll`: which commands there are, and how their errors reach a person."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from starter.cli import (
    account,
    connector,
    contact,
    database,
    demo,
    doctor,
    quota,
    report,
    sandbox,
    up,
    vault,
    verify,
)
from starter.cli.calendar import freeze, window
from starter.cli.certificate import app as certificate
from starter.cli.expiry import app as expiry
from starter.cli.hook import app as hook
from starter.cli.inventory import app as inventory
from starter.cli.plan import app as plan
from starter.cli.task import app as task
from starter.cli.terminal.exit_codes import MEANING, Code, Problem, code_for, is_told, leave, told
from starter.cli.terminal.output import json_line, note

ABOUT = """Rolls TLS certificates out to every cloud resource that serves them.

On schedule, durably, reversibly. Begin with `certroll demo`, or with `certroll up`.
"""
EPILOG = "\n".join(
    ["\b", "Exit codes:", *(f"  {code:>3}  {meaning}" for code, meaning in MEANING.items())]
)
GROUPS = {
    "certificate": (certificate.app, "Certificates with their keys, which the vault seals."),
    "account": (account.app, "Accounts at providers, and what they may do there."),
    "inventory": (inventory.app, "The resources that serve certificates."),
    "expiry": (expiry.app, "What serves which certificate until when; metrics."),
    "plan": (plan.app, "What a task would change: kept, compared, reviewed as a file."),
    "task": (task.app, "Deployment tasks: made, watched, taken back."),
    "window": (window.app, "Maintenance windows: when changes may be made."),
    "freeze": (freeze.app, "Times in which no change is begun."),
    "report": (report.app, "Whether the signed report of a task is genuine."),
    "quota": (quota.app, "Deployments that may still be spent."),
    "contact": (contact.app, "Whom to tell of tasks and expiry, and by which channel."),
    "connector": (connector.app, "The services that certroll deploys to."),
    "vault": (vault.app, "The key-encryption keys."),
    "database": (database.app, "The database's schema."),
}
COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "hook": (hook.hook, "For ACME clients: certbot, acme.sh and lego call it."),
    "verify": (verify.verify, "Whether endpoints still show what was deployed there."),
    "up": (up.up, "Temporal with its Web UI and a worker, until Ctrl-C."),
    "demo": (demo.demo, "The whole of it on a practice cloud, in a minute."),
    "sandbox": (sandbox.sandbox, "A practice cloud on loopback, until Ctrl-C."),
    "doctor": (doctor.doctor, "What is reachable, what is missing, how to fix it."),
}
ORDER = ("certificate", "account", "inventory", "expiry", "plan", *GROUPS, *COMMANDS)
CONTEXTS = {"sandbox": sandbox.PASS_THROUGH}


class Root(TyperGroup):
    """The group of all commands; the one place where errors become messages and exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which one meets them."""
        return [name for name in dict.fromkeys(ORDER) if name in self.commands]

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Runs one command and ends with its exit code."""
        given = sys.argv[1:] if args is None else list(args)
        as_json = "--json" in given
        try:
            ended = super().main(args=given, prog_name="certroll", standalone_mode=False)
            sys.exit(ended if isinstance(ended, int) else Code.FINE)
        except typer.TyperException as error:
            _misused(error, as_json=as_json)
        except typer.Abort:
            note("interrupted")
            sys.exit(Code.INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the edge of the program: nothing goes past it
            sys.exit(_failed(error, as_json=as_json))


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="certroll",
        cls=Root,
        help=ABOUT,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for name, (group, about) in GROUPS.items():
        if group.registered_callback:  # it does something by itself, and says what
            app.add_typer(group, name=name, short_help=about)
        else:
            app.add_typer(group, name=name, help=about)
    for name, (command, about) in COMMANDS.items():
        app.command(name, short_help=about, context_settings=CONTEXTS.get(name))(command)
    return app


app = build()


def _misused(error: typer.TyperException, *, as_json: bool) -> NoReturn:
    """Tells what is wrong with the command line itself."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    fix = f"Try `{context.command_path} --help`." if context else None
    if message.startswith("Usage:"):  # a group without a command shows its help
        note(error.format_message())
    elif as_json:
        json_line({"error": {"what": message, "where": None, "fix": fix}}, err=True)
    else:
        note(f"error: {message}. {fix or ''}".rstrip())
    sys.exit(Code.BAD_INPUT)


def _failed(error: Exception, *, as_json: bool) -> Code:
    """Tells the error and returns what to exit with."""
    code = code_for(error)
    if isinstance(error, Problem):
        return code
    if os.environ.get("CERTROLL_DEBUG") == "1":
        note(_trace(error))
    if not is_told(error):
        what = f"unforeseen {type(error).__name__}; {_log(error)}"
        facts: dict[str, str | None] = {"what": what, "where": None, "fix": None}
    else:
        facts, what = told(error), str(error)
    if as_json:
        json_line({"error": facts}, err=True)
    else:
        note(f"error: {what}")
    return code


def _trace(error: Exception) -> str:
    """The traceback without local variables, and without what looks like a key."""
    from domain.redaction import without_secrets

    return without_secrets("".join(traceback.format_exception(error)))


def _log(error: Exception) -> str:
    """Adds the traceback to the log, which only its owner reads, and says where that is."""
    home = Path(os.environ.get("CERTROLL_HOME") or "~/.certroll").expanduser()
    path = home / "logs" / "certroll.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as log:
            log.write(_trace(error))
    except OSError:
        return "set CERTROLL_DEBUG=1 to see the details"
    return f"the details are in {path}"


def main() -> NoReturn:
    """The command `certroll`."""
    try:
        app()
    except SystemExit as ended:
        leave(ended.code)
    leave(Code.FINE)


if __name__ == "__main__":
    main()
