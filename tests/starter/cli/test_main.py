"""The edge of the program: help, exit codes, errors as lines and as JSON, and how fast it is."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from domain.errors import NeedsOperator
from starter.cli import main
from starter.cli.terminal.exit_codes import MEANINGS
from tests.support.command_line import CommandLine, run_on_terminal
from tests.support.starter_examples import store_certificate, store_task

SECRET = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"


def leaves(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    below = getattr(command, "commands", None)
    for name, each in (below or {}).items():
        yield from leaves(each, (*path, name))
    if below is None:
        yield path, command


COMMANDS = dict(leaves(typer.main.get_command(main.app)))
SILENT = {("up",), ("demo",), ("sandbox",)}


def test_help_names_every_command_and_every_exit_code(certroll: CommandLine) -> None:
    text = certroll("--help").stdout
    assert all(f"\n  {path[0]} " in text for path in COMMANDS)
    assert all(f"{code.value}  {meaning}" in text for code, meaning in MEANINGS.items())
    assert "..." not in text.partition("Commands:")[2]


@pytest.mark.parametrize("path", [path for path in COMMANDS if path != ("sandbox",)])
def test_every_command_explains_itself_and_each_of_its_options(
    path: tuple[str, ...], certroll: CommandLine
) -> None:
    text = certroll(*path, "--help").stdout
    assert text.startswith(f"Usage: certroll {' '.join(path)} ")
    command = COMMANDS[path]
    assert getattr(command, "help", None)
    assert all(getattr(param, "help", None) for param in getattr(command, "params", []))
    assert ("--json" in text) == (path not in SILENT)


def test_no_command_takes_a_secret_as_a_plain_argument() -> None:
    options = {option for command in COMMANDS.values() for option in _options(command)}
    assert "--passphrase-file" in options
    assert not {"--passphrase", "--access-key-secret", "--password", "--secret"} & options


def _options(command: object) -> Iterator[str]:
    for param in getattr(command, "params", []):
        yield from param.opts


def test_a_command_line_that_cannot_be_read_is_one_line(certroll: CommandLine) -> None:
    line = certroll.refusal("certificate", "show")
    assert line == "Missing argument 'NAME|FINGERPRINT'. Try `certroll certificate show --help`."
    assert certroll.error("certificate", "show")["code"] == "usage"
    assert "No such option: --al" in certroll.refusal("plan", "create", "--al", "x")
    assert "No such command 'certificates'" in certroll.refusal("certificates")
    assert "--concurrency" in certroll.refusal("task", "create", "-c", "x", "--concurrency", "501")


def test_the_version_is_that_of_the_package(certroll: CommandLine) -> None:
    assert certroll("--version").stdout == f"certroll {version('certroll')}\n"


def test_the_shell_completes_commands(certroll: CommandLine) -> None:
    asked = {
        "_CERTROLL_COMPLETE": "complete_bash",
        "COMP_WORDS": "certroll ta",
        "COMP_CWORD": "1",
    }
    command = [sys.executable, "-m", "starter.cli"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True)
    assert done.stdout.split() == ["task"]
    assert "--show-completion" in certroll("--help").stdout


def test_a_group_alone_shows_its_help(certroll: CommandLine) -> None:
    assert "upload" in certroll("certificate", code=2).stderr


def test_with_json_errors_are_json_too(certroll: CommandLine) -> None:
    error = certroll.error("certificate", "show", "x")
    assert set(error) == {"what", "where", "fix", "code"}
    assert error["code"] == "unknown-certificate"
    misused = certroll.error("certificate", "show")
    assert misused["fix"] == "Try `certroll certificate show --help`."


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store is broken in an unexpected way."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr("storage.store.Store.open", fail)


@pytest.mark.usefixtures("broken")
def test_an_unexpected_error_is_one_line_and_a_private_log(certroll: CommandLine) -> None:
    line = certroll.refusal("quota", "show", code=1)
    log = certroll.home / "logs" / "certroll.log"
    assert "KeyError" in line
    assert str(log) in line
    assert certroll.error("quota", "show", code=1)["code"] == "unexpected"
    assert "Traceback" in log.read_text()
    assert "c2VjcmV0" not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("broken")
def test_debugging_shows_the_traceback_without_what_looks_like_a_key(certroll: CommandLine) -> None:
    output = certroll("quota", "show", code=1, env={"CERTROLL_DEBUG": "1"}).stderr
    assert "Traceback" in output
    assert "c2VjcmV0" not in output


@pytest.mark.usefixtures("broken")
def test_a_log_that_cannot_be_written_is_reported(certroll: CommandLine) -> None:
    (certroll.home / "logs").write_text("a file")
    assert "CERTROLL_DEBUG=1" in certroll.refusal("quota", "show", code=1)


def test_a_refusal_of_the_provider_is_reported_with_its_advice(
    certroll: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NeedsOperator("no", code="Forbidden.RAM", advice="Grant cdn:X.", request_id="R-1")

    monkeypatch.setattr("storage.store.Store.open", refuse)
    assert certroll.refusal("quota", "show", code=3).startswith("Forbidden.RAM: no")
    assert certroll.error("quota", "show", code=3) == {
        "what": "no",
        "where": None,
        "fix": "Grant cdn:X.",
        "code": "Forbidden.RAM",
        "request_id": "R-1",
    }


def test_temporal_that_does_not_answer_is_exit_code_4(certroll: CommandLine) -> None:

    store_task(certroll)
    address = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}
    words = ("task", "cancel", "autumn", "--reason", "test")
    assert "127.0.0.1:1" in certroll.refusal(*words, code=4, env=address)
    assert certroll.error(*words, code=4, env=address)["code"] == "temporal-unreachable"


def test_settings_that_are_wrong_are_named(certroll: CommandLine) -> None:
    error = certroll.error("quota", "show", env={"CERTROLL_TEMPORAL_ADDRESS": "nowhere"})
    assert error["where"] == "CERTROLL_TEMPORAL_ADDRESS"


def test_a_new_home_gets_its_database(tmp_path: Path) -> None:
    home = tmp_path / "new"
    assert CommandLine(home).json("quota", "show") == {"balance": 0, "entries": []}
    assert home.stat().st_mode & 0o077 == 0


def test_no_answer_but_yes_changes_anything(certroll: CommandLine) -> None:

    store_certificate(certroll)
    assert certroll.error("certificate", "delete", "main")["code"] == "confirmation-required"
    words = ["certificate", "delete", "main"]
    for answer in ("n", ""):
        code, screen = run_on_terminal(certroll.home, words, answers=[answer])
        assert code == 1
        assert "Delete certificate 'main'" in screen
        assert "Nothing was changed." in screen
    assert len(certroll.json("certificate", "list")) == 1
    assert run_on_terminal(certroll.home, words, answers=["y"])[0] == 0
    assert certroll.json("certificate", "list") == []


def modules_after(home: Path, *words: str) -> set[str]:
    """The modules that a command has imported when it ends, and nothing on its output lost."""
    code = (
        "import sys, atexit; from starter.cli import main\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        f"sys.argv = ['certroll', *{list(words)!r}]; main.main()"
    )
    env = {**os.environ, "CERTROLL_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def test_help_and_lists_import_only_what_they_need(certroll: CommandLine) -> None:
    slow = {"temporalio", "cryptography", "pydantic", "sqlalchemy", "rich", "connectors"}
    assert not slow & modules_after(certroll.home, "--help")
    listed = modules_after(certroll.home, "certificate", "list")
    assert not {"temporalio", "connectors", "alibabacloud_tea_openapi"} & listed
    assert "sqlalchemy" in listed


def test_a_terminal_that_is_narrow_folds_and_loses_nothing(certroll: CommandLine) -> None:
    words = ["connector", "list"]
    whole = certroll(*words).stdout.split()
    code, screen = run_on_terminal(certroll.home, words, columns=30)
    assert code == 0
    screen = re.sub(r"\x1b\[[0-9;]*m", "", screen)
    assert max(map(len, screen.splitlines())) <= 30
    letters = sorted(c for c in screen if c.isalnum())
    assert letters == sorted(c for word in whole for c in word if c.isalnum())


def test_a_pipe_that_closes_early_is_no_error(certroll: CommandLine) -> None:
    command = f"{sys.executable} -m starter.cli connector show alibaba.cdn | head -n 1"
    env = {**os.environ, "CERTROLL_HOME": str(certroll.home)}
    done = subprocess.run(command, shell=True, env=env, capture_output=True, text=True)  # noqa: S602
    assert done.stdout.startswith("id ")
    assert done.stderr == ""


def test_the_sandbox_takes_the_place_of_the_command(certroll: CommandLine) -> None:
    env = {**os.environ, "CERTROLL_HOME": str(certroll.home)}
    command = [sys.executable, "-m", "starter.cli", "sandbox", "--propagation", "0"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGINT)
    assert ready["endpoint"].startswith("http://127.0.0.1:")
    assert child.returncode in (0, -signal.SIGINT, 130)
    helped = subprocess.run([*command[:-2], "--help"], env=env, capture_output=True, text=True)
    assert "--edge-port" in helped.stdout
