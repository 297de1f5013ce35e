"""`certroll verify` and `certroll task verify`: each address, what it shows, and what drifted."""

import json

from tests.support.attempts import NAME, Attempt, attempt
from tests.support.command_line import CommandLine

__all__ = ["attempt"]

RESOURCE = f"main/alibaba.cdn/{NAME}"


def deployed(attempt: Attempt) -> str:
    """The address at which it is served."""
    attempt.install()
    attempt.deploy()
    return attempt.stack.cloud.edge


def test_each_address_is_shown_with_what_it_shows(certroll: CommandLine, attempt: Attempt) -> None:
    first = deployed(attempt)
    second = attempt.stack.cloud.add_edge("127.0.0.2")
    attempt.set_probe_addresses(first, second, "127.0.0.9:1")
    text = certroll("task", "verify", "t1").stdout
    lines = {line.split()[4]: line for line in text.splitlines() if RESOURCE in line}
    assert lines.keys() == {first, second, "127.0.0.9:1"}
    for address in (first, second):
        assert attempt.new.fingerprint[:12] in lines[address]
        assert lines[address].endswith("verified")
    assert "nothing" in lines["127.0.0.9:1"]
    assert "not reached: Connection refused" in lines["127.0.0.9:1"]
    assert "1 verified, 0 drifted" in text


def test_drift_is_shown_kept_and_an_exit_code(certroll: CommandLine, attempt: Attempt) -> None:
    edge = deployed(attempt)
    theirs = attempt.stack.ca.leaf([NAME])
    attempt.stack.rebind(NAME, theirs)
    result = certroll("verify", code=5)
    assert f"{theirs.fingerprint[:12]}" in result.stdout
    assert "certroll expiry --drift" in result.stderr
    listed = certroll("expiry", "--drift").stdout
    assert f"{theirs.fingerprint[:12]} at {edge}" in listed
    (drift,) = certroll.json("expiry", "--drift")
    assert (drift["address"], drift["serves"]) == (edge, theirs.fingerprint)
    output = certroll.json("task", "verify", "t1", code=5)
    assert output["found"] == {"verified": 0, "drifted": 1, "new_drifts": 0, "unreached": 0}
    (look,) = output["handshakes"]
    assert (look["observed"], look["verified"], look["address"]) == (
        theirs.fingerprint,
        False,
        edge,
    )


def test_where_all_is_well_only_the_count_is_shown(certroll: CommandLine, attempt: Attempt) -> None:
    deployed(attempt)
    said = "1 verified, 0 drifted, 0 cannot be reached from here\n"
    assert certroll("verify").stdout == said


def test_an_unknown_task_is_refused(certroll: CommandLine, attempt: Attempt) -> None:
    assert "no task" in certroll.refusal("task", "verify", "nothing")


def test_the_report_tells_every_look(certroll: CommandLine, attempt: Attempt) -> None:
    edge = deployed(attempt)
    looks = json.loads(certroll("task", "report", "t1", "--json").stdout)["report"]["handshakes"]
    assert [(each["moment"], each["verified"]) for each in looks] == [
        ("before", False),
        ("after", True),
    ]
    assert {(each["address"], each["server_name"]) for each in looks} == {(edge, NAME)}
    assert looks[1]["chain"][0] == attempt.new.fingerprint
