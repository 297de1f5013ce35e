"""`certroll inventory`: synced from a practice cloud, failures told, lists kept whole."""

import re
from datetime import UTC, datetime

import pytest

from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.starter_examples import store_account, store_resources
from tests.support.stored_examples import mark_vanished

CDN = ("--service", "alibaba.cdn")
READ = "DescribeDomainCertificateInfo"


def test_what_the_cloud_lists_is_known_afterwards_and_what_is_gone_is_marked(stack: Stack) -> None:
    certroll = CommandLine(stack.settings.home)
    stack.seed_domains("www.example.com")
    stack.seed_domains("plain.example.com", https=False)
    told = certroll.json("inventory", "sync", "--here", *CDN)
    assert told == [
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


def test_what_no_listing_tells_is_read_and_counted(stack: Stack) -> None:
    certroll = CommandLine(stack.settings.home)
    leaf = stack.ca.leaf(["*.example.com"])
    pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
    domains = [{"name": f"{letter}.example.com", "certificate": pem} for letter in "abc"]
    stack.cloud.seed("cdn", account=stack.key_id, domains=domains)
    stack.cloud.add_fault("error", READ, code="Forbidden.RAM", status=403)
    result = certroll("inventory", "sync", "--here", *CDN, code=3)
    assert "0 of 3" in result.stdout
    assert "cdn:DescribeDomainCertificateInfo" in result.stdout
    lines = certroll("inventory", "list").stdout.splitlines()
    assert [re.split(" {2,}", line)[2] for line in lines[1:]] == ["not read yet"] * 3
    stack.cloud.clear_faults()
    gone = {"code": "InvalidDomain.NotFound", "status": 404}
    stack.cloud.add_fault("error", READ, resource="b.example.com", **gone)
    (told,) = certroll.json("inventory", "sync", "--here", *CDN)
    assert (told["seen"], told["to_read"], told["were_read"], told["error"]) == (3, 3, 2, None)
    header, line = certroll("inventory", "status", *CDN).stdout.splitlines()
    assert "BINDINGS READ" in header
    assert "2 of 3" in line


def test_a_service_that_fails_is_told_for_itself(stack: Stack) -> None:
    certroll = CommandLine(stack.settings.home)
    stack.seed_domains("www.example.com")
    stack.cloud.add_fault("error", "DescribeUserDomains", code="Forbidden.RAM", status=403)
    result = certroll("inventory", "sync", "--here", *CDN, code=3)
    assert "Forbidden.RAM" in result.stdout
    assert result.stderr == "1 of 1 could not be listed, or read, to the end.\n"
    assert len(certroll.json("inventory", "list")) == 1
    (told,) = certroll.json("inventory", "sync", "--here", *CDN, code=3)
    assert told["error"]["code"] == "Forbidden.RAM"


def test_every_service_that_serves_something_is_synced(certroll: CommandLine) -> None:
    store_account(certroll)
    told = certroll.json("inventory", "sync", "--here", code=3)
    services = [each["service"] for each in told]
    assert "alibaba.cdn" in services
    assert "alibaba.cas" not in services
    assert all(each["error"]["code"] == "ConnectionLost" for each in told)
    told = certroll.json("inventory", "sync", "--here", "--service", "alibaba.cas")
    assert [(each["service"], each["seen"]) for each in told] == [("alibaba.cas", 0)]


def test_wrong_words_are_refused(certroll: CommandLine) -> None:
    assert certroll.error("inventory", "sync", "--here")["code"] == "no-account"
    store_account(certroll)
    assert (
        certroll.error("inventory", "sync", "--here", "--account", "mainn")["code"]
        == "unknown-account"
    )
    told = certroll.refusal("inventory", "sync", "--here", "--service", "alibaba.cdm")
    assert "Did you mean alibaba.cdn" in told
    assert certroll.error("inventory", "list", "--account", "mainn")["code"] == "unknown-account"
    told = certroll.refusal("inventory", "list", "--expiring-before", "soon")
    assert "'soon' cannot be read" in told
    assert certroll.error("inventory", "list", "--tag", "=x")["code"] == "invalid-tag"


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
def test_lists_are_narrowed(
    words: tuple[str, ...], expected: list[str], certroll: CommandLine
) -> None:
    store_account(certroll)
    store_resources(certroll)
    listed = certroll.json("inventory", "list", *words)
    assert [each["resource"]["key"].partition(".")[0] for each in listed] == expected


def test_what_is_left_out_of_a_list_is_counted(certroll: CommandLine) -> None:
    store_account(certroll)
    store_resources(certroll)
    listed = certroll("inventory", "list", "--limit", "2")
    assert len(listed.stdout.splitlines()) == 3
    assert listed.stderr == "... and 1 more: --limit 3 shows all.\n"
    assert certroll("inventory", "list").stderr == ""


def test_what_is_gone_is_listed_only_when_asked_for(certroll: CommandLine) -> None:
    store_account(certroll)
    store_resources(certroll)
    with certroll.store() as store:
        mark_vanished(store, "main", "alibaba.cdn", datetime.now(UTC))
    assert "Nothing of that kind is known" in certroll("inventory", "list").stderr
    lines = certroll("inventory", "list", "--gone").stdout.splitlines()[1:]
    assert [line.split()[-1] for line in lines] == ["gone", "gone", "gone"]
    assert "abababababab old" in lines[2]
