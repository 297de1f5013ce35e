"""`certroll inventory`: syncs from a practice cloud, failures and lists."""

import re
from datetime import UTC, datetime

import pytest

from tests.support.command_line import CommandLine, list_numbers
from tests.support.stack import Stack
from tests.support.starter_examples import store_account, store_resources
from tests.support.stored_examples import mark_vanished

CDN = ("--service", "alibaba.cdn")
READ = "DescribeDomainCertificateInfo"


def test_a_sync_stores_all_listed_resources(stack: Stack) -> None:
    certroll = CommandLine(stack.settings.home)
    stack.seed_domains("www.example.com")
    stack.seed_domains("plain.example.com", https=False)
    results = certroll.json("inventory", "sync", "--here", *CDN)
    assert results == [
        {
            "account": "main",
            "service": "alibaba.cdn",
            "seen": 2,
            "vanished": 0,
            "to_read": 1,
            "were_read": 1,
            "error": None,
        }
    ]
    listed = certroll.json("inventory", "list")
    assert [each["id"] for each in listed] == [
        "main/alibaba.cdn/plain.example.com",
        "main/alibaba.cdn/www.example.com",
    ]
    lines = certroll("inventory", "list").stdout.splitlines()
    off, on = (re.split(" {2,}", line)[2:] for line in lines[1:])
    assert off == ["HTTPS off", "online"]
    former = stack.fingerprints_before["www.example.com"]
    assert former is not None
    assert on[0].startswith(former[:12])


def test_bindings_that_no_listing_includes_are_read_and_counted(stack: Stack) -> None:
    certroll = CommandLine(stack.settings.home)
    leaf = stack.ca.leaf(["*.example.com"])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains = [{"name": f"{letter}.example.com", "certificate": pem} for letter in "abc"]
    stack.cloud.seed("cdn", account=stack.key_id, domains=domains)
    stack.cloud.add_fault("error", READ, code="Forbidden.RAM", status=403)
    (result,) = certroll.json("inventory", "sync", "--here", *CDN, code=3)
    assert (result["to_read"], result["were_read"]) == (3, 0)
    assert "cdn:DescribeDomainCertificateInfo" in result["error"]["advice"]
    text = certroll("inventory", "sync", "--here", *CDN, code=3).stdout
    assert "0 of 3" in text
    assert "cdn:DescribeDomainCertificateInfo" in text
    lines = certroll("inventory", "list").stdout.splitlines()
    assert [re.split(" {2,}", line)[2] for line in lines[1:]] == ["not read yet"] * 3
    stack.cloud.clear_faults()
    gone = {"code": "InvalidDomain.NotFound", "status": 404}
    stack.cloud.add_fault("error", READ, resource="b.example.com", **gone)
    (result,) = certroll.json("inventory", "sync", "--here", *CDN)
    assert (result["seen"], result["error"]) == (3, None)
    assert (result["to_read"], result["were_read"]) == (3, 2)
    header, line = certroll("inventory", "status", *CDN).stdout.splitlines()
    assert "BINDINGS READ" in header
    assert "2 of 3" in line


def test_a_failed_service_is_exit_code_3_and_keeps_its_resources(stack: Stack) -> None:
    certroll = CommandLine(stack.settings.home)
    stack.seed_domains("www.example.com")
    stack.cloud.add_fault("error", "DescribeUserDomains", code="Forbidden.RAM", status=403)
    output = certroll("inventory", "sync", "--here", *CDN, code=3)
    assert "Forbidden.RAM" in output.stdout
    assert list_numbers(output.stderr) == [1, 1]
    assert len(certroll.json("inventory", "list")) == 1
    (result,) = certroll.json("inventory", "sync", "--here", *CDN, code=3)
    assert result["error"]["code"] == "Forbidden.RAM"


def test_all_services_with_resources_are_synced_and_helpers_only_by_name(
    certroll: CommandLine,
) -> None:
    store_account(certroll)
    results = certroll.json("inventory", "sync", "--here", code=3)
    services = [each["service"] for each in results]
    assert "alibaba.cdn" in services
    assert "alibaba.cas" not in services
    assert all(each["error"]["code"] == "ConnectionLost" for each in results)
    results = certroll.json("inventory", "sync", "--here", "--service", "alibaba.cas")
    assert [(each["service"], each["seen"]) for each in results] == [("alibaba.cas", 0)]


def test_wrong_options_are_refused(certroll: CommandLine) -> None:
    assert certroll.error("inventory", "sync", "--here")["code"] == "no-account"
    store_account(certroll)
    sync = ("inventory", "sync", "--here")
    assert certroll.error(*sync, "--account", "mainn")["code"] == "unknown-account"
    error = certroll.error(*sync, "--service", "alibaba.cdm")
    assert error["code"] == "unknown-service"
    assert "alibaba.cdn" in error["fix"]
    listing = ("inventory", "list")
    assert certroll.error(*listing, "--account", "mainn")["code"] == "unknown-account"
    assert certroll.error(*listing, "--expiring-before", "soon")["code"] == "invalid-time"
    assert certroll.error(*listing, "--tag", "=x")["code"] == "invalid-tag"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["new", "off", "soon"]),
        (("--expiring-before", "2027-01-02"), ["soon"]),
        (("--expiring-before", "2027-01-01T12:00:00Z"), []),
        (("--search", "SOON.example"), ["soon"]),
        (("--search", "ababab"), ["soon"]),
        (("--search", "old"), ["soon"]),
        (("--service", "alibaba.dcdn"), []),
        (("--unmanaged",), ["soon"]),
        (("--tag", "env=prod"), ["new"]),
        (("--tag", "env", "--search", "soon"), []),
        (("--limit", "2"), ["new", "off"]),
        (("--account", "main"), ["new", "off", "soon"]),
    ],
)
def test_each_filter_narrows_the_list(
    words: tuple[str, ...], expected: list[str], certroll: CommandLine
) -> None:
    store_account(certroll)
    store_resources(certroll)
    listed = certroll.json("inventory", "list", *words)
    assert [each["resource"]["key"].partition(".")[0] for each in listed] == expected


def test_a_limited_list_counts_the_rest(certroll: CommandLine) -> None:
    store_account(certroll)
    store_resources(certroll)
    listed = certroll("inventory", "list", "--limit", "2")
    assert len(listed.stdout.splitlines()) == 3
    assert list_numbers(listed.stderr) == [1, 3]
    assert certroll("inventory", "list").stderr == ""


def test_resources_that_are_gone_are_listed_only_with_gone(certroll: CommandLine) -> None:
    store_account(certroll)
    store_resources(certroll)
    with certroll.store() as store:
        mark_vanished(store, "main", "alibaba.cdn", datetime.now(UTC))
    assert certroll.json("inventory", "list") == []
    assert certroll("inventory", "list").stdout == ""
    lines = certroll("inventory", "list", "--gone").stdout.splitlines()[1:]
    assert [line.split()[-1] for line in lines] == ["gone", "gone", "gone"]
    assert "abababababab old" in lines[2]
