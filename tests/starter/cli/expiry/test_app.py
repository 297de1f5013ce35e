"""`certroll expiry` as a table, JSON, CSV and metrics, and as a check that runs every night."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.certificates.certificate import Certificate
from domain.resources.resource import Binding, DiscoveredResource
from tests.support.command_line import CommandLine, list_numbers, run_on_terminal
from tests.support.starter_examples import (
    build_resource,
    store_account,
    store_certificate,
    store_task,
)

NOW = datetime.now(UTC)
FOREIGN = "ab" * 32
CDN = "alibaba.cdn"
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


def list_rows(certroll: CommandLine, *words: str) -> list[list[str]]:
    lines = certroll("expiry", *words).stdout.splitlines()
    return [re.split(" {2,}", line) for line in lines[1:]]


def test_a_table_lists_certificates_by_expiry_with_their_services(
    certroll: CommandLine, ours: Certificate
) -> None:
    foreign, own, named = list_rows(certroll)
    assert foreign[0] == f"{FOREIGN[:12]} {NAME}"
    assert foreign[1] == "CA"
    assert list_numbers(foreign[2].partition("(")[2]) == [3]
    assert foreign[3:] == ["1", "1 in main/alibaba.cdn", "no"]
    assert own[0] == f"{ours.short_fingerprint} main"
    assert own[3:] == ["2", "2 in main/alibaba.cdn", "yes"]
    assert named[0] == "by name"
    assert named[2:] == ["unknown", "1", "1 in main/alibaba.ddos", "unknown"]
    note = certroll("expiry").stderr
    assert list_numbers(note) == [2]
    assert "--unknown" in note


def test_json_lists_the_same_certificates(certroll: CommandLine, ours: Certificate) -> None:
    found = certroll.json("expiry", "--account", "main", "--service", CDN)
    assert [each["fingerprint"] for each in found] == [FOREIGN, ours.fingerprint]
    assert (found[0]["days_left"], found[0]["managed"], found[0]["successor"]) == (3, False, None)
    assert found[1]["services"] == [{"account": "main", "service": "alibaba.cdn", "resources": 2}]
    assert json.loads(certroll("expiry", "--format", "json").stdout)[:2] == found
    assert certroll.json("expiry", "--before", "2020-01-01") == []


def test_resources_are_listed_by_expiry(certroll: CommandLine, ours: Certificate) -> None:
    found = certroll.json("expiry", "--resources")
    keys = [each["resource"].rpartition("/")[2][0] for each in found]
    assert (keys, found[0]["domains"]) == (["c", "a", "b", "d"], ["c.example.com"])
    assert [each["managed"] for each in found] == [False, True, True, None]
    assert [each["resource"] for each in certroll.json("expiry", "--resources", "--unmanaged")] == [
        "main/alibaba.cdn/c.example.com"
    ]
    first = list_rows(certroll, "--resources")[0]
    assert first[:2] == ["main/alibaba.cdn/c.example.com", "c.example.com"]
    listed = certroll("expiry", "--resources", "--limit", "1")
    assert len(listed.stdout.splitlines()) == 2
    assert list_numbers(listed.stderr) == [3, 4]


def test_csv_has_a_header_and_escapes_formulas(certroll: CommandLine, ours: Certificate) -> None:
    first, *more = csv.DictReader(io.StringIO(certroll("expiry", "--format", "csv").stdout))
    assert first["name"] == f"'{NAME}"
    assert (first["days_left"], first["managed"], first["accounts"]) == ("3", "no", "main")
    assert [each["resources"] for each in more] == ["2", "1"]
    for kind in ("--resources", "--drift", "--unknown"):
        header = certroll("expiry", kind, "--format", "csv").stdout.splitlines()[0]
        assert header.startswith("resource,account,service,")


def test_an_unknown_expiry_is_listed_with_its_reason(
    certroll: CommandLine, ours: Certificate
) -> None:
    unread, by_name = certroll.json("expiry", "--unknown")
    assert (unread["resource"], unread["code"]) == ("main/alibaba.cdn/e.example.com", "not-read")
    assert by_name["resource"] == "main/alibaba.ddos/d.example.com"
    assert (by_name["name"], by_name["code"]) == ("by name", "no-expiry")
    assert list_rows(certroll, "--unknown") == [
        [unread["resource"], unread["reason"]],
        [by_name["resource"], by_name["name"], by_name["reason"]],
    ]
    assert certroll.json("expiry", "--unknown", "--service", CDN) == [unread]


def test_drift_since_the_last_task_is_listed(certroll: CommandLine) -> None:
    store_account(certroll)
    assert certroll.json("expiry", "--drift") == []
    assert certroll("expiry", "--drift").stdout == ""
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
    ((where, deployed, by, serves, expires),) = list_rows(certroll, "--drift")
    assert (where, deployed) == (found.id, task.certificates[0][:12])
    assert by.startswith("autumn (")
    assert (serves, "expired" in expires) == ("abababababab theirs", True)


def test_fail_within_fails_only_where_a_certificate_expires_within_that_time(
    certroll: CommandLine, ours: Certificate
) -> None:
    certroll("expiry", "--fail-within", "3d")
    certroll("expiry", "--fail-within", "in 7d", "--service", "alibaba.ddos")
    for within in ("7d", "in 7d", "3d 2h"):
        note = certroll("expiry", "--fail-within", within, code=6).stderr.splitlines()[-1]
        assert list_numbers(note)[-2:] == [1, 1]
    certroll("expiry", "--fail-within", "7d", "--before", "2020-01-01", code=6)
    assert len(certroll.json("expiry", "--fail-within", "7d", code=6)) == 3


def test_metrics_are_valid_for_prometheus(certroll: CommandLine, ours: Certificate) -> None:
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
    ("words", "code"),
    [
        (("--format", "prometheus", "--unmanaged"), "conflicting-options"),
        (("--format", "prometheus", "--limit", "3"), "conflicting-options"),
        (("--format", "csv", "--json"), "conflicting-options"),
        (("--drift", "--unknown"), "conflicting-options"),
        (("--account", "mainn"), "unknown-account"),
        (("--service", "alibaba.cdm"), "unknown-service"),
        (("--before", "soon"), "invalid-time"),
        (("--fail-within", ""), "invalid-time"),
    ],
)
def test_wrong_options_are_refused(
    certroll: CommandLine, ours: Certificate, words: tuple[str, ...], code: str
) -> None:
    result = certroll("expiry", *words, code=2)
    assert result.stdout == ""
    assert certroll.error("expiry", *words)["code"] == code


@pytest.mark.parametrize(
    ("words", "name"), [(("--account", "mainn"), "main"), (("--service", "alibaba.cdm"), CDN)]
)
def test_a_similar_name_is_suggested(
    certroll: CommandLine, ours: Certificate, words: tuple[str, ...], name: str
) -> None:
    assert re.search(rf"\b{name}\b", certroll.error("expiry", *words)["fix"])


def test_a_terminal_shows_the_first_200_rows_and_counts_the_rest(certroll: CommandLine) -> None:
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
        assert "--limit 203" in screen
        assert screen.count("main/alibaba.cdn") == 200
        assert len(certroll.json(*words)) == 203
