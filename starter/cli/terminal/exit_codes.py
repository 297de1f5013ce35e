"""Exit codes, and which error leads to which; only the edge of the program asks here."""

import logging
import os
import sys
from enum import IntEnum
from typing import NoReturn

from domain.errors import BadInput, CertrollError, CloudError


class Code(IntEnum):
    """What a script can tell from how a command ended."""

    FINE = 0
    UNFORESEEN = 1
    BAD_INPUT = 2
    CLOUD = 3
    ENGINE = 4
    TASK = 5
    EXPIRY = 6
    INTERRUPTED = 130


MEANING = {
    Code.FINE: "all went well",
    Code.UNFORESEEN: "an error that nobody foresaw, or a question that was answered with no",
    Code.BAD_INPUT: "what was asked for, or a setting, is wrong; nothing was changed",
    Code.CLOUD: "a provider refused or failed; the cause and what to do are told",
    Code.ENGINE: "Temporal does not answer, or (doctor) something here is missing",
    Code.TASK: "a task that was waited for did not succeed, or a renewal was left to a person",
    Code.EXPIRY: "a certificate that is served expires sooner than was allowed for",
    Code.INTERRUPTED: "interrupted by Ctrl-C; tasks go on by themselves",
}


_BRIDGE = "temporalio.bridge.temporal_sdk_bridge"
_NOT_WRITTEN = 120  # as Python itself ends where its output could not be written


class Problem(Exception):
    """Ends a command with a code after everything has been printed already."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code.name)


def code_for(error: BaseException) -> Code:
    """The code that this error ends the program with."""
    if isinstance(error, Problem):
        return error.code
    if isinstance(error, BadInput) or _is_from("storage.vault", "VaultError", error):
        return Code.BAD_INPUT
    if isinstance(error, CloudError):
        return Code.CLOUD
    if _is_from("starter.engine", "EngineUnreachable", error):
        return Code.ENGINE
    if _is_from("temporalio.service", "RPCError", error):
        return Code.ENGINE
    return Code.UNFORESEEN


def is_told(error: BaseException) -> bool:
    """Whether the error's own words are for people and hold no secrets."""
    return isinstance(error, CertrollError) or code_for(error) is Code.ENGINE


def told(error: BaseException) -> dict[str, str | None]:
    """The error as `what`, `where` and `fix`; a provider's also with `code` and `request_id`."""
    if isinstance(error, BadInput):
        return {"what": error.what, "where": error.where, "fix": error.fix}
    if isinstance(error, CloudError):
        return {
            "what": error.message,
            "where": None,
            "fix": error.advice,
            "code": error.code,
            "request_id": error.request_id,
        }
    return {"what": str(error), "where": None, "fix": None}


def _is_from(module: str, name: str, error: BaseException) -> bool:
    """Whether it is of a class whose module is slow to import: raised, it was imported already."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


def leave(code: int | str | None) -> NoReturn:
    """Ends the process as `sys.exit` would, with everything written out.

    Where Temporal's SDK was used, Python is not taken apart before: threads of the SDK that still
    call into it would now and then abort a process that has done its work (sdk-python issue 300).
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
