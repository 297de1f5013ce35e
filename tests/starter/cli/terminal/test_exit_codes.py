"""Exit codes: which error leads to which code and which JSON fields."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput, CertrollError, Drifted, NeedsOperator, Transient
from starter.cli.terminal.exit_codes import (
    MEANINGS,
    CommandFailed,
    ExitCode,
    get_exit_code,
    is_reportable,
    to_error_fields,
)
from starter.temporal.client import EngineUnreachable
from storage.secrets.vault import VaultError

CASES = [
    (BadInput("x"), ExitCode.BAD_INPUT),
    (VaultError("x", "missing-kek"), ExitCode.BAD_INPUT),
    (Transient("x", code="Throttling"), ExitCode.CLOUD),
    (NeedsOperator("x", code="Forbidden.RAM"), ExitCode.CLOUD),
    (Drifted("a", "b"), ExitCode.CLOUD),
    (EngineUnreachable("127.0.0.1:1"), ExitCode.ENGINE),
    (RPCError("gone", RPCStatusCode.UNAVAILABLE, b""), ExitCode.ENGINE),
    (CertrollError("the worker ended"), ExitCode.UNEXPECTED),
    (ValueError("secret"), ExitCode.UNEXPECTED),
    (CommandFailed(ExitCode.TASK), ExitCode.TASK),
]


@pytest.mark.parametrize(("error", "code"), CASES)
def test_each_error_has_its_exit_code(error: Exception, code: ExitCode) -> None:
    assert get_exit_code(error) is code


def test_every_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)


def test_the_text_of_an_unexpected_error_is_not_reported() -> None:
    assert not is_reportable(ValueError("secret"))
    assert all(
        is_reportable(error) for error, _ in CASES if isinstance(error, CertrollError | RPCError)
    )


def test_reported_errors_always_have_the_same_fields() -> None:
    assert to_error_fields(BadInput("a", where="b", fix="c", code="d")) == {
        "what": "a",
        "where": "b",
        "fix": "c",
        "code": "d",
    }
    refused = NeedsOperator("no", code="Forbidden", advice="Grant it.", request_id="R-1")
    assert to_error_fields(refused) == {
        "what": "no",
        "where": None,
        "fix": "Grant it.",
        "code": "Forbidden",
        "request_id": "R-1",
    }
    assert to_error_fields(VaultError("no key", "missing-kek"))["code"] == "missing-kek"
    assert to_error_fields(EngineUnreachable("x"))["code"] == "temporal-unreachable"


SCRIPT = """
import atexit, os, sys
atexit.register(lambda: os.write(2, b"finalized"))
import {first}
sys.stdout.write("x" * 500)
from starter.cli.terminal.exit_codes import exit_process
exit_process({code})
"""


@pytest.mark.parametrize("code", [0, 5])
def test_a_process_that_used_temporal_exits_without_finalizing_python(code: int) -> None:
    """Threads of the SDK may call into Python during finalization, which aborts the process."""
    ended = run_exiting("temporalio.client", code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "x" * 500, "")


def test_any_other_process_exits_as_usual() -> None:
    ended = run_exiting("json", 3)
    assert (ended.returncode, ended.stderr) == (3, "finalized")


def test_output_that_cannot_be_written_is_not_a_success() -> None:
    with Path("/dev/full").open("w") as full:
        assert run_exiting("temporalio.client", 0, stdout=full).returncode == 120


def run_exiting(
    first: str, code: int, stdout: Any = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT.format(first=first, code=code)]
    buffered = {name: v for name, v in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        command, env=buffered, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
