"""Logs: one JSON object a line, and no key material whichever way it comes in."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from domain.notifications.message import build_test_message
from domain.redaction import REDACTED
from operations.notifications.channels import post_webhook
from starter.logs import set_up_logs
from tests.support.factory import NOW

MIDDLE = "MIGHAgEAMBMGByqGSM49AgEG"


def pem() -> str:
    return f"-----BEGIN PRIVATE KEY-----\n{MIDDLE}\n-----END PRIVATE KEY-----\n"


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Logging is global: what a test sets up is restored after it."""
    root = logging.getLogger()
    names = ("httpx2", "httpcore2", "urllib3", "werkzeug")
    before = root.handlers, root.level, [logging.getLogger(name).level for name in names]
    yield
    structlog.reset_defaults()
    root.handlers = before[0]
    root.setLevel(before[1])
    for name, level in zip(names, before[2], strict=True):
        logging.getLogger(name).setLevel(level)


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written to standard error; nothing of it holds the key."""
    out, err = capsys.readouterr()
    assert out == ""
    assert MIDDLE not in err
    return [json.loads(line) for line in err.splitlines()]


def test_a_line_is_one_object_with_time_level_and_logger(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("INFO")
    structlog.get_logger("ours").info("worker ready", task_queue="certroll")
    (line,) = read_lines(capsys)
    assert line["event"] == "worker ready"
    assert (line["level"], line["logger"]) == ("info", "ours")
    assert line["task_queue"] == "certroll"
    assert line["timestamp"].endswith("Z")


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("warning")
    structlog.get_logger().info("too little")
    logging.getLogger("library").info("too little")
    assert read_lines(capsys) == []


def test_our_own_lines_are_cleaned_in_message_and_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("INFO")
    nested = {"keys": [pem(), {"inner": (pem(), 7)}]}
    structlog.get_logger().warning(f"sent {pem()}", body=pem(), nested=nested)
    (line,) = read_lines(capsys)
    assert line["event"] == f"sent {REDACTED}\n"
    assert line["nested"]["keys"][1]["inner"][1] == 7


def test_a_value_of_a_foreign_type_is_cleaned_too(capsys: pytest.CaptureFixture[str]) -> None:
    class Request:
        def __repr__(self) -> str:
            return f"Request({pem()!r})"

    set_up_logs("INFO")
    structlog.get_logger().warning("sent", request=Request(), raw=pem().encode())
    assert len(read_lines(capsys)) == 1


def test_lines_of_libraries_go_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("INFO")
    logging.getLogger("library").error("cannot send %s", pem())
    (line,) = read_lines(capsys)
    assert line["event"] == f"cannot send {REDACTED}\n"
    assert line["level"] == "error"


def test_a_traceback_is_reported_without_the_key_and_without_local_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("INFO")
    local_secret = "word-of-a-frame"
    try:
        raise ValueError(f"cannot read {pem()}")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed")
    found = read_lines(capsys)
    assert len(found) == 2
    for line in found:
        assert line["exception"][0]["exc_type"] == "ValueError"
        assert REDACTED in line["exception"][0]["exc_value"]
        assert local_secret not in json.dumps(line)
        assert "locals" not in line["exception"][0]["frames"][0]


async def test_the_address_of_a_webhook_is_in_no_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pytest_httpserver import HTTPServer

    set_up_logs("DEBUG")
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # the other end of the wire
    with HTTPServer(host="127.0.0.1") as server:
        server.expect_request("/hook").respond_with_data("")
        await post_webhook(server.url_for("/hook?token=very-secret"), build_test_message(NOW))
    assert "very-secret" not in capsys.readouterr().err
