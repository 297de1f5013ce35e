"""Which error ends the program with which code, and what is told of it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput, CertrollError, Drifted, NeedsOperator, Transient
from starter.cli.terminal.exit_codes import MEANING, Code, Problem, code_for, is_told, told
from starter.temporal.client import EngineUnreachable
from storage.secrets.vault import VaultError

CASES = [
    (BadInput("x"), Code.BAD_INPUT),
    (VaultError("x"), Code.BAD_INPUT),
    (Transient("x", code="Throttling"), Code.CLOUD),
    (NeedsOperator("x", code="Forbidden.RAM"), Code.CLOUD),
    (Drifted("a", "b"), Code.CLOUD),
    (EngineUnreachable("127.0.0.1:1"), Code.ENGINE),
    (RPCError("gone", RPCStatusCode.UNAVAILABLE, b""), Code.ENGINE),
    (CertrollError("the worker ended"), Code.UNFORESEEN),
    (ValueError("secret"), Code.UNFORESEEN),
    (Problem(Code.TASK), Code.TASK),
]


@pytest.mark.parametrize(("error", "code"), CASES)
def test_each_error_has_its_code(error: Exception, code: Code) -> None:
    assert code_for(error) is code


def test_every_code_is_explained() -> None:
    assert set(MEANING) == set(Code)


def test_the_words_of_a_stranger_are_not_repeated() -> None:
    assert not is_told(ValueError("secret"))
    assert all(is_told(error) for error, _ in CASES if isinstance(error, CertrollError | RPCError))


def test_what_is_told_has_always_the_same_fields() -> None:
    assert told(BadInput("a", where="b", fix="c")) == {"what": "a", "where": "b", "fix": "c"}
    refused = NeedsOperator("no", code="Forbidden", advice="Grant it.", request_id="R-1")
    assert told(refused) == {
        "what": "no",
        "where": None,
        "fix": "Grant it.",
        "code": "Forbidden",
        "request_id": "R-1",
    }
    assert told(VaultError("no key"))["what"] == "no key"


LEAVING = """
import atexit, os, sys
atexit.register(lambda: os.write(2, b"taken apart"))
import {first}
sys.stdout.write("x" * 500)
from starter.exits import leave
leave({code})
"""


@pytest.mark.parametrize("code", [0, 5])
def test_a_process_that_used_temporal_ends_without_taking_python_apart(code: int) -> None:
    """Threads of the SDK may call into Python while it is taken apart, which aborts the process."""
    ended = left("temporalio.client", code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "x" * 500, "")


def test_any_other_process_ends_as_always() -> None:
    ended = left("json", 3)
    assert (ended.returncode, ended.stderr) == (3, "taken apart")


def test_output_that_cannot_be_written_is_no_success() -> None:
    with Path("/dev/full").open("w") as full:
        assert left("temporalio.client", 0, stdout=full).returncode == 120


def left(first: str, code: int, stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LEAVING.format(first=first, code=code)]
    buffered = {name: v for name, v in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        command, env=buffered, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
