"""Which error ends the program with which code, and what is told of it."""

import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import BadInput, CertrollError, Drifted, NeedsOperator, Transient
from starter.engine import EngineUnreachable
from starter.exits import MEANING, Code, Problem, code_for, is_told, told
from storage.vault import VaultError

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
