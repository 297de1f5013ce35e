"""Exit codes, and the code and JSON fields of each error. `starter.cli.main` asks here."""

import logging
import os
import sys
from enum import IntEnum
from typing import NoReturn

from domain.errors import BadInput, CertrollError, CloudError


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    SUCCESS = 0
    UNEXPECTED = 1
    BAD_INPUT = 2
    CLOUD = 3
    ENGINE = 4
    TASK = 5
    EXPIRY = 6
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.SUCCESS: "success",
    ExitCode.UNEXPECTED: "an unexpected error, or a question was answered with no",
    ExitCode.BAD_INPUT: "the command line, the input or a setting is wrong; nothing was changed",
    ExitCode.CLOUD: "a provider refused or failed; the error says why and what to do",
    ExitCode.ENGINE: "Temporal does not answer; or doctor found something missing on this machine",
    ExitCode.TASK: "a task did not succeed, endpoints have drifted, or a renewal needs a person",
    ExitCode.EXPIRY: "a served certificate expires within the limit of `expiry --fail-within`",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C; tasks continue",
}


_BRIDGE = "temporalio.bridge.temporal_sdk_bridge"
_NOT_WRITTEN = 120  # as Python itself exits when its output cannot be written


class CommandFailed(Exception):
    """Ends a command with an exit code. The command has printed everything already."""

    def __init__(self, code: ExitCode) -> None:
        self.code = code
        super().__init__(code.name)


def get_exit_code(error: BaseException) -> ExitCode:
    """Returns the exit code for an error."""
    if isinstance(error, CommandFailed):
        return error.code
    if isinstance(error, BadInput) or _is_from("storage.secrets.vault", "VaultError", error):
        return ExitCode.BAD_INPUT
    if isinstance(error, CloudError):
        return ExitCode.CLOUD
    if _is_from("starter.temporal.client", "EngineUnreachable", error):
        return ExitCode.ENGINE
    if _is_from("temporalio.service", "RPCError", error):
        return ExitCode.ENGINE
    return ExitCode.UNEXPECTED


def is_reportable(error: BaseException) -> bool:
    """Whether the error's own text is meant for people and holds no secrets."""
    return isinstance(error, CertrollError) or get_exit_code(error) is ExitCode.ENGINE


def to_error_fields(error: BaseException) -> dict[str, str | None]:
    """Returns an error as `what`, `where`, `fix` and `code`; a provider's also as `request_id`."""
    if isinstance(error, BadInput):
        return {"what": error.what, "where": error.where, "fix": error.fix, "code": error.code}
    if isinstance(error, CloudError):
        return {
            "what": error.message,
            "where": None,
            "fix": error.advice,
            "code": error.code,
            "request_id": error.request_id,
        }
    code = getattr(error, "code", None)
    if get_exit_code(error) is ExitCode.ENGINE:
        code = "temporal-unreachable"
    return {"what": str(error), "where": None, "fix": None, "code": code or "failed"}


def _is_from(module: str, name: str, error: BaseException) -> bool:
    """Whether the error is of a class whose module is slow to import.

    Where such an error was raised, its module is loaded already.
    """
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


def exit_process(code: int | str | None) -> NoReturn:
    """Flushes all output and ends the process, as `sys.exit` does.

    Where Temporal's SDK was used, this skips the finalization of Python: threads of the SDK still
    call into it, and sometimes abort a process that has done its work (sdk-python issue 300).
    """
    if _BRIDGE not in sys.modules or isinstance(code, str):
        sys.exit(code)
    logging.shutdown()
    number = code or 0
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            number = number or _NOT_WRITTEN
    os._exit(number)
