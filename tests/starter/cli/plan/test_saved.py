"""`certroll plan`: kept, shown again, compared with what is now, deleted."""

import pytest

from tests.support.command_line import CommandLine
from tests.support.stack import Stack

HOSTS = ("a.example.com", "b.example.com")
WISH = ("-c", "wild", "--all-matched")
PLACE = "main/alibaba.cdn/"


@pytest.fixture
def ready(stack: Stack) -> CommandLine:
    """Two domains, a certificate that fits both, and quota."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(5)
    return CommandLine(stack.settings.home)


def differences(certroll: CommandLine, *which: str) -> list[tuple[str, str]]:
    found = certroll.json("plan", "diff", *which)["differences"]
    return [(each["resource"].removeprefix(PLACE), each["what"]) for each in found]


def test_what_was_shown_is_kept_and_shown_again(ready: CommandLine) -> None:
    text = ready("plan", "create", *WISH, "--name", "autumn", "--by", "me").stdout
    (saved,) = ready.json("plan", "list")
    assert text.endswith(f"plan       {saved['id']}  autumn\n")
    assert (saved["origin"], saved["created_by"], saved["changes"]) == ("created", "me", 2)
    assert f"digest     {saved['digest']}\n" in text
    shown = ready("plan", "show", "autumn").stdout
    lines = text.rpartition("plan  ")[0].splitlines()
    assert "\n".join(line for line in lines if not line.startswith("check ")) in shown
    told = ready.json("plan", "show", saved["id"][:9])
    assert (told["saved"], told["digest"]) == (saved, saved["digest"])
    made = ready.json("plan", "create", *WISH)
    assert (made["saved"]["digest"], made["changes"]) == (saved["digest"], told["changes"])
    lines = ready("plan", "list").stdout.splitlines()
    assert lines[2].startswith(f"{saved['id']}  autumn")
    assert len(ready.json("plan", "list", "--limit", "1")) == 1


def test_a_plan_that_would_change_nothing_is_not_kept(ready: CommandLine) -> None:
    ready("plan", "create", "-c", "wild", "--service", "alibaba.dcdn", code=2)
    assert ready.json("plan", "list") == []
    assert ready("plan", "list").stderr == "No plans yet: certroll plan create\n"


def test_names_are_checked_before_any_cloud_is_asked(ready: CommandLine) -> None:
    told = ready.refusal("plan", "create", *WISH, "--name", "a\x1bb")
    assert told.startswith("--name: ")
    assert ready.error("plan", "show", "x")["code"] == "unknown-plan"


def test_what_has_changed_since_is_told(ready: CommandLine, stack: Stack) -> None:
    ready("plan", "create", *WISH, "--name", "autumn")
    assert differences(ready, "autumn") == []
    assert ready("plan", "diff", "autumn").stderr == "Nothing differs.\n"
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    stack.seed_domains("c.example.com")
    assert differences(ready, "autumn") == [
        (HOSTS[0], "before"),
        ("c.example.com", "added"),
    ]
    text = ready("plan", "diff", "autumn").stdout
    assert (
        f"{PLACE}{HOSTS[0]}  serves another  {(stack.fingerprints_before[HOSTS[0]] or '')[:12]}  "
        in text
    )
    assert text.endswith("1 serves another, 1 added\n")


def test_one_that_was_done_is_said_to_serve_it_already(ready: CommandLine, stack: Stack) -> None:
    ready("plan", "create", *WISH, "--name", "autumn")
    leaf = stack.ca.leaf(["*.example.com"])
    stack.rebind(HOSTS[0], leaf)
    stack.store.inventory.mark_unknown(f"{PLACE}{HOSTS[0]}")
    files = [stack.settings.home / name for name in ("a.pem", "k.pem")]
    files[0].write_bytes(leaf.pem)
    files[1].write_bytes(leaf.key_pem)
    words = ("--certificate", str(files[0]), "--key", str(files[1]))
    ready("certificate", "upload", "second", *words)
    ready("plan", "create", "-c", "second", "--all-matched", "--name", "winter")
    text = ready("plan", "diff", "autumn", "winter").stdout
    assert "it serves this certificate already" in text
    assert differences(ready, "autumn", "winter") == [(HOSTS[0], "removed"), (HOSTS[1], "after")]


def test_a_resource_that_is_gone_and_a_certificate_that_was_deleted_are_told(
    ready: CommandLine, stack: Stack
) -> None:
    stack.upload("other", "b.example.com")
    ready("plan", "create", *WISH, "-c", "other", "--name", "autumn")
    other = stack.store.certificates.find("other")
    stack.store.certificates.delete(other.fingerprint)
    # Without it the wish gives that resource the other one.
    assert differences(ready, "autumn") == [(HOSTS[1], "after")]
    wild = stack.store.certificates.find("wild")
    stack.store.certificates.delete(wild.fingerprint)
    told = ready.json("plan", "diff", "autumn")["differences"]
    assert {each["reason"] for each in told} == {"its certificate was deleted"}
    assert "quota      2 of 5 left" in ready("plan", "show", "autumn").stdout


def test_several_are_deleted_or_none(ready: CommandLine) -> None:
    for name in ("one", "two", "three"):
        ready("plan", "create", *WISH, "--name", name)
    assert ready.error("plan", "delete", "one", "x", "--yes")["code"] == "unknown-plan"
    assert len(ready.json("plan", "list")) == 3
    result = ready("plan", "delete", "one", "two", code=2)
    assert "one: 2 changes" in result.stderr
    assert "this needs confirmation" in result.stderr
    told = ready.json("plan", "delete", "one", "two", "one", "--yes")
    assert len(told["deleted"]) == 2
    assert [each["name"] for each in ready.json("plan", "list")] == ["three"]


def test_the_wish_is_kept_with_it(ready: CommandLine, stack: Stack) -> None:
    words = ("-c", "wild", "--resource", HOSTS[0], "--require-coverage")
    made = ready.json("plan", "create", *words)
    wish = stack.store.plans.find(made["saved"]["id"]).plan_request
    assert wish is not None
    assert (wish.resources, wish.require_coverage) == ((HOSTS[0],), True)
