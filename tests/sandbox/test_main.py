"""The command: how it starts, stops, and refuses."""

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.__main__ import parse
from sandbox.options import DEFAULT_ACCOUNT
from tests.sandbox.conftest import Start
from tests.sandbox.running import PATIENCE, ROOT


def refused(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_cleanly(start: Start, number: signal.Signals) -> None:
    running = start()
    assert running.ready["access_key_id"] == DEFAULT_ACCOUNT.access_key_id
    running.process.send_signal(number)
    assert running.process.wait(PATIENCE) == 0
    assert running.process.stdout is not None
    assert running.process.stdout.read() == ""
    running.stop()


def test_it_stops_although_clients_are_connected(start: Start) -> None:
    running = start()
    connection = http.client.HTTPConnection(running.address)
    connection.request("GET", "/_sandbox/health")
    connection.getresponse().read()
    assert running.stop() == 0
    connection.close()


def test_options_are_applied() -> None:
    options = parse(["--account", "a:b", "--account", "c:d:intl", "--propagation", "3"])
    assert [(one.access_key_id, one.region) for one in options.accounts] == [
        ("a", "cn-hangzhou"),
        ("c", "ap-southeast-1"),
    ]
    assert options.propagation == 3
    (default,) = parse(["--site", "intl"]).accounts
    assert (default.access_key_id, default.site) == (DEFAULT_ACCOUNT.access_key_id, "intl")


def test_what_makes_no_sense_is_refused_with_one_clear_line(start: Start, tmp_path: Path) -> None:
    assert "ID:SECRET" in refused("--account", "nonsense")
    assert "the site of an account" in refused("--account", "a:b:mars")
    assert "seed.json" in refused("--seed-file", str(tmp_path / "seed.json"))
    (tmp_path / "bad.json").write_text("{")
    assert "bad.json" in refused("--faults", str(tmp_path / "bad.json"))
    port = start().address.split(":")[1]
    assert port in refused("--port", port)


def test_faults_can_be_there_from_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text(json.dumps([{"kind": "reset"}, {"kind": "5xx"}]))
    running = start("--faults", str(tmp_path / "faults.json"))
    listed = running.control("GET", "faults")["faults"]
    assert [one["kind"] for one in listed] == ["reset", "5xx"]


def test_a_secret_does_not_show_in_a_repr() -> None:
    assert "b-secret" not in repr(parse(["--account", "a:b-secret"]))
