"""The command `certroll`: all its commands, and how their errors reach the caller."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from starter.cli import (
    account,
    connector,
    contact,
    doctor,
    local,
    quota,
    report,
    upkeep,
    verify,
)
from starter.cli.calendar import freeze, window
from starter.cli.certificate import app as certificate
from starter.cli.expiry import app as expiry
from starter.cli.hook import app as hook
from starter.cli.inventory import app as inventory
from starter.cli.plan import app as plan
from starter.cli.task import app as task
from starter.cli.terminal.exit_codes import (
    MEANINGS,
    CommandFailed,
    ExitCode,
    exit_process,
    get_exit_code,
    is_reportable,
    to_error_fields,
)
from starter.cli.terminal.output import note, say, show_json_line

ABOUT = """Rolls TLS certificates out to every cloud resource that serves them.

On schedule, durably, reversibly. Start with `certroll demo` or `certroll up`.
"""
EPILOG = "\n".join(
    ["\b", "Exit codes:", *(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())]
)


class Root(TyperGroup):
    """The group of all commands. It turns every error into a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Lists groups before single commands."""
        return sorted(self.commands, key=lambda name: not hasattr(self.commands[name], "commands"))

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Runs one command and exits with its code."""
        given = sys.argv[1:] if args is None else list(args)
        as_json = "--json" in given
        try:
            ended = super().main(args=given, prog_name="certroll", standalone_mode=False)
            sys.exit(ended if isinstance(ended, int) else ExitCode.SUCCESS)
        except typer.TyperException as error:
            _exit_on_usage_error(error, as_json=as_json)
        except typer.Abort:
            note("interrupted")
            sys.exit(ExitCode.INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the edge of the program: nothing escapes it
            sys.exit(_report_error(error, as_json=as_json))


app = typer.Typer(
    name="certroll",
    cls=Root,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(certificate.app, name="certificate", help="Certificates and their private keys.")
app.add_typer(
    account.app, name="account", help="Accounts at cloud providers, and their permissions."
)
app.add_typer(inventory.app, name="inventory", help="All resources that serve certificates.")
app.add_typer(
    expiry.app, name="expiry", short_help="Which certificates are served, and when they expire."
)
app.add_typer(plan.app, name="plan", help="Plans: what a task would change. Save, compare, review.")
app.add_typer(task.app, name="task", help="Deployment tasks: create, watch, retry, roll back.")
app.add_typer(window.app, name="window", help="Maintenance windows: when changes may start.")
app.add_typer(freeze.app, name="freeze", help="Freezes: periods in which no change starts.")
app.add_typer(report.app, name="report", help="Checks the signature of a task's report.")
app.add_typer(quota.app, name="quota", help="The quota ledger: how many deployments are left.")
app.add_typer(
    contact.app, name="contact", help="Who is notified of tasks, expiry and drift, and how."
)
app.add_typer(connector.app, name="connector", help="The services that certroll can deploy to.")
app.add_typer(upkeep.vault, name="vault", help="The key-encryption keys of the vault.")
app.add_typer(upkeep.database, name="database", help="The database schema.")
app.command("hook", short_help="The deploy hook for certbot, acme.sh and lego.")(hook.hook)
app.command("verify", short_help="Checks that endpoints still serve what was deployed.")(
    verify.verify
)
app.command("up", short_help="Runs Temporal, its Web UI and a worker, until Ctrl-C.")(local.up)
app.command("demo", short_help="Shows everything on a practice cloud, in one minute.")(local.demo)
app.command(
    "sandbox",
    short_help="Runs a practice cloud on loopback, until Ctrl-C.",
    context_settings=local.PASS_THROUGH,
)(local.sandbox)
app.command("doctor", short_help="Finds what is missing here, and says how to fix it.")(
    doctor.doctor
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"certroll {version('certroll')}")
        raise typer.Exit


@app.callback(help=ABOUT)
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def _exit_on_usage_error(error: typer.TyperException, *, as_json: bool) -> NoReturn:
    """Reports a command line that cannot be parsed, and exits."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    fix = f"Try `{context.command_path} --help`." if context else None
    if message.startswith("Usage:"):  # a group without a command shows its help
        note(error.format_message())
    elif as_json:
        fields = {"what": message, "where": None, "fix": fix, "code": "usage"}
        show_json_line({"error": fields}, err=True)
    else:
        note(f"error: {message}. {fix or ''}".rstrip())
    sys.exit(ExitCode.BAD_INPUT)


def _report_error(error: Exception, *, as_json: bool) -> ExitCode:
    """Prints the error and returns the exit code."""
    code = get_exit_code(error)
    if isinstance(error, CommandFailed):
        return code
    if os.environ.get("CERTROLL_DEBUG") == "1":
        note(_format_traceback(error))
    if not is_reportable(error):
        what, fix = f"unexpected {type(error).__name__}", _log_error(error)
        fields = {"what": what, "where": None, "fix": fix, "code": "unexpected"}
        message = f"{what}. {fix}"
    else:
        fields, message = to_error_fields(error), str(error)
    if as_json:
        show_json_line({"error": fields}, err=True)
    else:
        note(f"error: {message}")
    return code


def _format_traceback(error: Exception) -> str:
    """Formats the traceback without local variables, and redacts what looks like a key."""
    from domain.redaction import redact_secrets

    return redact_secrets("".join(traceback.format_exception(error)))


def _log_error(error: Exception) -> str:
    """Appends the traceback to the owner's private log. Returns what to tell the user."""
    home = Path(os.environ.get("CERTROLL_HOME") or "~/.certroll").expanduser()
    path = home / "logs" / "certroll.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as log:
            log.write(_format_traceback(error))
    except OSError:
        return "Set CERTROLL_DEBUG=1 to see the details."
    return f"The details are in {path}."


def main() -> NoReturn:
    """The entry point of the command `certroll`."""
    try:
        app()
    except SystemExit as exit_:
        exit_process(exit_.code)
    exit_process(ExitCode.SUCCESS)


if __name__ == "__main__":
    main()
