"""`certroll expiry`: for a person, a program, a spreadsheet and a check that runs every night."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.certificates.certificate import Certificate
from domain.resources.resource import Binding, DiscoveredResource
from tests.support.command_line import CommandLine, run_on_terminal
from tests.support.starter_examples import (
    build_resource,
    store_account,
    store_certificate,
    store_task,
)

NOW = datetime.now(UTC)
FOREIGN = "ab" * 32
NAME = '=HYPERLINK("http://evil.example")'


@pytest.fixture
def ours(certroll: CommandLine) -> Certificate:
    """A resource with our certificate, one with another, one by name only, one not read yet."""
    store_account(certroll)
    made = store_certificate(certroll)
    own = Binding(fingerprint=made.fingerprint, not_after=made.not_after)
    other = Binding(
        fingerprint=FOREIGN, name=NAME, issuer="CA", not_after=NOW + timedelta(days=3, hours=1)
    )
    found = [
        DiscoveredResource(
            resource=build_resource("a.example.com"), binding=own, binding_known=True
        ),
        DiscoveredResource(
            resource=build_resource("b.example.com"), binding=own, binding_known=True
        ),
        DiscoveredResource(
            resource=build_resource("c.example.com"), binding=other, binding_known=True
        ),
        DiscoveredResource(
            resource=build_resource("d.example.com", "alibaba.ddos"),
            binding=Binding(name="by name"),
            binding_known=True,
        ),
        DiscoveredResource(resource=build_resource("e.example.com")),
    ]
    with certroll.store() as store:
        store.inventory.upsert(found, NOW)
    return made


def rows(certroll: CommandLine, *words: str) -> list[list[str]]:
    lines = certroll("expiry", *words).stdout.splitlines()
    return [re.split(" {2,}", line) for line in lines[1:]]


def test_a_person_sees_what_expires_first_and_where_it_serves(
    certroll: CommandLine, ours: Certificate
) -> None:
    foreign, own, named = rows(certroll)
    assert foreign[0] == f"{FOREIGN[:12]} {NAME}"
    assert foreign[1] == "CA"
    assert foreign[2].endswith("(3 days left)")
    assert foreign[3:] == ["1", "1 in main/alibaba.cdn", "no"]
    assert own[0] == f"{ours.short_fingerprint} main"
    assert own[3:] == ["2", "2 in main/alibaba.cdn", "yes"]
    assert named[0] == "by name"
    assert named[2:] == ["unknown", "1", "1 in main/alibaba.ddos", "unknown"]
    told = certroll("expiry").stderr
    assert "Of 2 resources it is not known what they serve or until when: --unknown" in told


def test_a_program_gets_json(certroll: CommandLine, ours: Certificate) -> None:
    told = certroll.json("expiry", "--account", "main", "--service", "alibaba.cdn")
    assert [each["fingerprint"] for each in told] == [FOREIGN, ours.fingerprint]
    assert (told[0]["days_left"], told[0]["managed"], told[0]["successor"]) == (3, False, None)
    assert told[1]["services"] == [{"account": "main", "service": "alibaba.cdn", "resources": 2}]
    assert json.loads(certroll("expiry", "--format", "json").stdout)[:2] == told
    assert certroll.json("expiry", "--before", "2020-01-01") == []


def test_each_resource_is_listed_if_asked_for(certroll: CommandLine, ours: Certificate) -> None:
    told = certroll.json("expiry", "--resources")
    keys = [each["resource"].rpartition("/")[2][0] for each in told]
    assert (keys, told[0]["domains"]) == (["c", "a", "b", "d"], ["c.example.com"])
    assert [each["managed"] for each in told] == [False, True, True, None]
    assert [each["resource"] for each in certroll.json("expiry", "--resources", "--unmanaged")] == [
        "main/alibaba.cdn/c.example.com"
    ]
    first = rows(certroll, "--resources")[0]
    assert first[:2] == ["main/alibaba.cdn/c.example.com", "c.example.com"]
    listed = certroll("expiry", "--resources", "--limit", "1")
    assert len(listed.stdout.splitlines()) == 2
    assert listed.stderr == "... and 3 more: --limit 4 shows all.\n"


def test_a_spreadsheet_gets_a_header_and_no_formula(
    certroll: CommandLine, ours: Certificate
) -> None:
    first, *more = csv.DictReader(io.StringIO(certroll("expiry", "--format", "csv").stdout))
    assert first["name"] == f"'{NAME}"
    assert (first["days_left"], first["managed"], first["accounts"]) == ("3", "no", "main")
    assert [each["resources"] for each in more] == ["2", "1"]
    for kind in ("--resources", "--drift", "--unknown"):
        header = certroll("expiry", kind, "--format", "csv").stdout.splitlines()[0]
        assert header.startswith("resource,account,service,")


def test_what_is_not_known_is_told_with_the_reason(
    certroll: CommandLine, ours: Certificate
) -> None:
    assert rows(certroll, "--unknown") == [
        ["main/alibaba.cdn/e.example.com", "not read yet"],
        ["main/alibaba.ddos/d.example.com", "by name", "the service does not report the expiry"],
    ]
    assert len(certroll.json("expiry", "--unknown", "--service", "alibaba.cdn")) == 1


def test_drift_since_the_last_task_is_told(certroll: CommandLine) -> None:
    store_account(certroll)
    told = certroll("expiry", "--drift").stderr
    as_of = "as of the last sync and of `certroll verify`"
    assert told == f"Everything serves what was deployed last, {as_of}.\n"
    task = store_task(certroll)
    with certroll.store() as store:
        (found, other) = (
            build_resource("a.example.com"),
            build_resource("b.example.com", "alibaba.dcdn"),
        )
        served = Binding(fingerprint=FOREIGN, name="theirs", not_after=NOW)
        at = datetime.now(UTC)
        store.inventory.upsert(
            [
                DiscoveredResource(resource=each, binding=served, binding_known=True)
                for each in (found, other)
            ],
            at,
        )
    (drifted,) = certroll.json("expiry", "--drift")
    assert (drifted["resource"], drifted["task_id"]) == (found.id, task.id)
    assert (drifted["deployed"], drifted["serves"]) == (task.certificates[0], FOREIGN)
    ((where, deployed, by, serves, expires),) = rows(certroll, "--drift")
    assert (where, deployed) == (found.id, task.certificates[0][:12])
    assert by.startswith("autumn (")
    assert (serves, "expired" in expires) == ("abababababab theirs", True)


def test_a_nightly_check_fails_only_for_what_expires_too_soon(
    certroll: CommandLine, ours: Certificate
) -> None:
    certroll("expiry", "--fail-within", "3d")
    certroll("expiry", "--fail-within", "in 7d", "--service", "alibaba.ddos")
    for within in ("7d", "in 7d", "3d 2h"):
        result = certroll("expiry", "--fail-within", within, code=6)
        assert re.search(r"Certificates that expire before .*: 1, on 1 resources\.", result.stderr)
    certroll("expiry", "--fail-within", "7d", "--before", "2020-01-01", code=6)
    assert len(certroll.json("expiry", "--fail-within", "7d", code=6)) == 3


def test_prometheus_gets_what_its_parser_takes(certroll: CommandLine, ours: Certificate) -> None:
    text = certroll("expiry", "--format", "prometheus").stdout
    families = {each.name: each for each in text_string_to_metric_families(text)}
    series = families["certroll_certificate_resources"].samples
    assert {tuple(sample.labels.values()): sample.value for sample in series} == {
        (FOREIGN, "no", NAME): 1,
        (ours.fingerprint, "yes", "main"): 2,
        ("", "unknown", "by name"): 1,
    }
    assert families["certroll_resources_unknown"].samples[0].value == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "prometheus", "--unmanaged"), "metrics cannot be filtered"),
        (("--format", "prometheus", "--limit", "3"), "metrics cannot be filtered"),
        (("--format", "csv", "--json"), "--json and --format csv exclude each other"),
        (("--drift", "--unknown"), "--drift and --unknown exclude each other"),
        (("--account", "mainn"), "Did you mean main?"),
        (("--service", "alibaba.cdm"), "Did you mean alibaba.cdn"),
        (("--before", "soon"), "'soon' cannot be read"),
        (("--fail-within", ""), "cannot be read"),
    ],
)
def test_wrong_words_are_refused(
    certroll: CommandLine, ours: Certificate, words: tuple[str, ...], told: str
) -> None:
    result = certroll("expiry", *words, code=2)
    assert told in result.stderr
    assert result.stdout == ""


def test_a_terminal_gets_the_first_200_and_how_many_more(certroll: CommandLine) -> None:
    store_account(certroll)
    found = [
        DiscoveredResource(
            resource=build_resource(f"h{number}.example.com"),
            binding=Binding(fingerprint=f"{number:064x}", not_after=NOW + timedelta(days=number)),
            binding_known=True,
        )
        for number in range(203)
    ]
    with certroll.store() as store:
        store.inventory.upsert(found, NOW)
    for words in (("expiry",), ("inventory", "list")):
        code, screen = run_on_terminal(certroll.home, words, columns=200)
        assert code == 0
        assert "... and 3 more: --limit 203 shows all." in screen
        assert screen.count("main/alibaba.cdn") == 200
        assert len(certroll.json(*words)) == 203
