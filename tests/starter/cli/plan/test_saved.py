"""Saved plans: shown again, compared, deleted; exported as files and imported again."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.support.command_line import CommandLine, list_lines, list_numbers
from tests.support.stack import Stack
from tests.support.stored_examples import mark_vanished

HOSTS = ("a.example.com", "b.example.com")
REQUEST = ("-c", "wild", "--all-matched")
CDN = "main/alibaba.cdn/"


@pytest.fixture
def ready(stack: Stack) -> CommandLine:
    """Two domains, a certificate that fits both, and quota."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(5)
    return CommandLine(stack.settings.home)


def list_differences(certroll: CommandLine, *which: str) -> list[tuple[str, str]]:
    found = certroll.json("plan", "diff", *which)["differences"]
    return [(each["resource"].removeprefix(CDN), each["kind"]) for each in found]


def test_a_plan_is_saved_as_it_was_shown(ready: CommandLine) -> None:
    text = ready("plan", "create", *REQUEST, "--name", "autumn", "--by", "me").stdout
    (saved,) = ready.json("plan", "list")
    assert list_lines(text, "plan")[-1].split() == [saved["id"], "autumn"]
    assert (saved["origin"], saved["created_by"], saved["changes"]) == ("created", "me", 2)
    assert list_lines(text, "digest") == [saved["digest"]]
    shown = ready("plan", "show", "autumn").stdout
    lines = text.rpartition("plan  ")[0].splitlines()
    assert "\n".join(line for line in lines if not line.startswith("check ")) in shown
    again = ready.json("plan", "show", saved["id"][:9])
    assert (again["saved"], again["digest"]) == (saved, saved["digest"])
    made = ready.json("plan", "create", *REQUEST)
    assert (made["saved"]["digest"], made["changes"]) == (saved["digest"], again["changes"])
    lines = ready("plan", "list").stdout.splitlines()
    assert lines[2].split()[:2] == [saved["id"], "autumn"]
    assert len(ready.json("plan", "list", "--limit", "1")) == 1


def test_a_plan_without_changes_is_not_saved(ready: CommandLine) -> None:
    ready("plan", "create", "-c", "wild", "--service", "alibaba.dcdn", code=2)
    assert ready.json("plan", "list") == []
    result = ready("plan", "list")
    assert result.stdout == ""
    assert "certroll plan create" in result.stderr


def test_a_name_is_checked_before_any_provider_is_called(ready: CommandLine, stack: Stack) -> None:
    calls = stack.cloud.count_calls()
    error = ready.error("plan", "create", *REQUEST, "--name", "a\x1bb")
    assert (error["code"], error["where"]) == ("invalid-name", "--name")
    assert stack.cloud.count_calls() == calls
    assert ready.error("plan", "show", "x")["code"] == "unknown-plan"


def test_diff_shows_what_has_changed_since_a_plan_was_made(
    ready: CommandLine, stack: Stack
) -> None:
    ready("plan", "create", *REQUEST, "--name", "autumn")
    assert list_differences(ready, "autumn") == []
    assert ready("plan", "diff", "autumn").stdout == ""
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    stack.seed_domains("c.example.com")
    assert list_differences(ready, "autumn") == [
        (HOSTS[0], "before"),
        ("c.example.com", "added"),
    ]
    differences = ready.json("plan", "diff", "autumn")["differences"]
    before = (stack.fingerprints_before[HOSTS[0]] or "")[:12]
    assert differences[0]["was"].startswith(before)
    text = ready("plan", "diff", "autumn").stdout
    (row,) = list_lines(text, f"{CDN}{HOSTS[0]}")
    assert before in row.split()
    assert len(list_lines(text, f"{CDN}c.example.com")) == 1
    assert list_numbers(text.splitlines()[-1]) == [1, 1]


def test_a_resource_that_already_serves_the_certificate_is_removed_from_the_other_plan(
    ready: CommandLine, stack: Stack
) -> None:
    ready("plan", "create", *REQUEST, "--name", "autumn")
    leaf = stack.ca.leaf(["*.example.com"])
    stack.rebind(HOSTS[0], leaf)
    stack.store.inventory.mark_unknown(f"{CDN}{HOSTS[0]}")
    files = [stack.settings.home / name for name in ("a.pem", "k.pem")]
    files[0].write_bytes(leaf.pem)
    files[1].write_bytes(leaf.key_pem)
    words = ("--certificate", str(files[0]), "--key", str(files[1]))
    ready("certificate", "upload", "second", *words)
    ready("plan", "create", "-c", "second", "--all-matched", "--name", "winter")
    assert ready.json("plan", "show", "winter")["unchanged"] == [f"{CDN}{HOSTS[0]}"]
    removed, _ = ready.json("plan", "diff", "autumn", "winter")["differences"]
    text = ready("plan", "diff", "autumn", "winter").stdout
    assert list_lines(text, f"{CDN}{HOSTS[0]}")[0].endswith(removed["reason"])
    assert list_differences(ready, "autumn", "winter") == [
        (HOSTS[0], "already-served"),
        (HOSTS[1], "after"),
    ]


def test_diff_shows_that_a_certificate_was_deleted(ready: CommandLine, stack: Stack) -> None:
    stack.upload("other", "b.example.com")
    ready("plan", "create", *REQUEST, "-c", "other", "--name", "autumn")
    other = stack.store.certificates.find("other")
    stack.store.certificates.delete(other.fingerprint)
    # Without it the plan request gives that resource the other certificate.
    assert list_differences(ready, "autumn") == [(HOSTS[1], "after")]
    wild = stack.store.certificates.find("wild")
    stack.store.certificates.delete(wild.fingerprint)
    assert list_differences(ready, "autumn") == [(host, "refused") for host in HOSTS]
    (quota,) = list_lines(ready("plan", "show", "autumn").stdout, "quota")
    assert list_numbers(quota) == [2, 5]


def test_several_plans_are_deleted_or_none(ready: CommandLine) -> None:
    for name in ("one", "two", "three"):
        ready("plan", "create", *REQUEST, "--name", name)
    assert ready.error("plan", "delete", "one", "x", "--yes")["code"] == "unknown-plan"
    assert len(ready.json("plan", "list")) == 3
    assert ready.error("plan", "delete", "one", "two")["code"] == "confirmation-required"
    ids = {each["name"]: each["id"] for each in ready.json("plan", "list")}
    (listed,) = list_lines(ready("plan", "delete", "one", "two", code=2).stderr, ids["one"])
    assert listed.startswith("one: 2 ")
    assert len(ready.json("plan", "list")) == 3
    deleted = ready.json("plan", "delete", "one", "two", "one", "--yes")["deleted"]
    assert deleted == [ids["one"], ids["two"]]
    assert [each["name"] for each in ready.json("plan", "list")] == ["three"]


def test_a_plan_request_is_saved_with_its_plan(ready: CommandLine, stack: Stack) -> None:
    words = ("-c", "wild", "--resource", HOSTS[0], "--require-coverage")
    made = ready.json("plan", "create", *words)
    request = stack.store.plans.find(made["saved"]["id"]).plan_request
    assert request is not None
    assert (request.resources, request.require_coverage) == ((HOSTS[0],), True)


@pytest.fixture
def exportable(stack: Stack) -> CommandLine:
    """A saved plan of two domains and one that is to be switched on."""
    stack.seed_domains(*HOSTS)
    stack.seed_domains("off.example.com", https=False)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(5)
    certroll = CommandLine(stack.settings.home)
    words = ("-c", "wild", "--all-matched", "--resource", "off.example.com", "--name", "autumn")
    certroll("plan", "create", *words)
    return certroll


@pytest.fixture
def file(exportable: CommandLine, tmp_path: Path) -> Path:
    """The same plan as a file."""
    path = tmp_path / "plan.yaml"
    result = exportable("plan", "export", "autumn", "--output", str(path))
    assert result.stdout == ""
    assert result.stderr.startswith("autumn: 3 ")
    return path


def edit_file(file: Path, was: str, becomes: str) -> None:
    text = file.read_text()
    assert was in text
    file.write_text(text.replace(was, becomes, 1))


def find_line(text: str, part: str) -> int:
    """Returns the number of the first line with this text, from 1."""
    return text[: text.index(part)].count("\n") + 1


def remove_digest(file: Path) -> None:
    file.write_text(re.sub(r"^digest: .*\n", "", file.read_text(), flags=re.MULTILINE))


def test_an_exported_file_is_imported_as_the_same_plan(
    exportable: CommandLine, file: Path, stack: Stack
) -> None:
    assert exportable("plan", "export", "autumn").stdout == file.read_text()
    assert exportable.json("plan", "export", "autumn")["text"] == file.read_text()
    saved = exportable.json("plan", "import", str(file), "--by", "git")
    (one, other) = exportable.json("plan", "list")
    assert (one["digest"], one["plan_request"]) == (other["digest"], other["plan_request"])
    assert (saved["origin"], saved["created_by"], saved["name"]) == ("imported", "git", "autumn")
    plans = [stack.store.plans.get_plan(each["id"]).changes for each in (one, other)]
    assert [each.model_copy(update={"why": None}) for each in plans[1]] == list(plans[0])
    assert exportable.json("plan", "diff", one["id"])["differences"] == []


def test_a_file_holds_no_secret_and_is_plain_yaml(file: Path) -> None:
    text = file.read_text()
    assert "PRIVATE" not in text
    assert "secret" not in text
    known = yaml.safe_load(text)
    assert [each["resource"] for each in known["changes"]] == [
        f"{CDN}{host}" for host in (*HOSTS, "off.example.com")
    ]
    assert known["changes"][2]["before"] is None


def test_an_edited_file_is_imported_only_without_its_digest(
    exportable: CommandLine, file: Path
) -> None:
    text = file.read_text()
    last = text.index(f"- resource: {CDN}off")
    file.write_text(text[:last])
    error = exportable.error("plan", "import", str(file))
    where = f"{file}, line {find_line(text, 'digest: ')}, column 9"
    assert (error["code"], error["where"]) == ("invalid-file", where)
    assert exportable.json("plan", "list")[0]["digest"] not in error["what"]
    remove_digest(file)
    assert exportable.json("plan", "import", str(file))["changes"] == 2


def test_unknown_names_are_refused_with_their_lines(
    exportable: CommandLine, file: Path, stack: Stack
) -> None:
    remove_digest(file)
    edit_file(file, f"resource: {CDN}a.example.com", f"resource: {CDN}x.example.com")
    edit_file(file, f"resource: {CDN}b.example.com", "resource: else/alibaba.cdn/b.example.com")
    error = exportable.error("plan", "import", str(file))
    assert (error["code"], error["where"]) == ("invalid-file", str(file))
    heading, *lines = error["what"].splitlines()
    assert list_numbers(heading) == [2]
    text = file.read_text()
    resource, account = find_line(text, f"{CDN}x."), find_line(text, "else/")
    assert [list_numbers(each)[:2] for each in lines] == [[resource, 13], [account, 13]]
    assert f"{CDN}x.example.com" in lines[0]
    assert "'else'" in lines[1]
    edit_file(
        file, "certificates:\n- fingerprint: ", f"certificates:\n- fingerprint: {'0' * 64} # "
    )
    wild = stack.store.certificates.find("wild").short_fingerprint
    lines = exportable.error("plan", "import", str(file))["what"].splitlines()[1:]
    assert len([line for line in lines if f": {wild} " in line]) == 3
    assert len(exportable.json("plan", "list")) == 1


def test_a_change_without_effect_is_refused_with_its_line(
    exportable: CommandLine, stack: Stack
) -> None:
    stack.upload("narrow", "other.example.org")
    words = ("-c", "wild", "--resource", HOSTS[0], "--name", "one")
    exportable("plan", "create", *words)
    text = exportable("plan", "export", "one").stdout
    wild = stack.store.certificates.find("wild").fingerprint
    path = stack.settings.home / "served.yaml"
    served = re.sub(r"(before:\n +fingerprint: )\w+", rf"\g<1>{wild}", text)
    path.write_text(re.sub(r"^digest: .*\n", "", served, flags=re.MULTILINE))
    error = exportable.error("plan", "import", str(path))
    line = find_line(path.read_text(), f"resource: {CDN}{HOSTS[0]}")
    assert (error["code"], error["where"]) == ("invalid-file", f"{path}, line {line}, column 13")
    assert [each["name"] for each in exportable.json("plan", "list")] == ["one", "autumn"]


def test_vanished_resources_are_refused_with_their_lines(
    exportable: CommandLine, file: Path, stack: Stack
) -> None:
    mark_vanished(stack.store, "main", "alibaba.cdn", datetime.now(UTC))
    error = exportable.error("plan", "import", str(file))
    assert error["code"] == "invalid-file"
    text = file.read_text()
    assert [list_numbers(line)[0] for line in error["what"].splitlines()[1:]] == [
        find_line(text, f"resource: {CDN}{host}") for host in (*HOSTS, "off.example.com")
    ]


def test_a_file_that_cannot_be_read_or_written_is_refused(
    exportable: CommandLine, tmp_path: Path
) -> None:
    missing = tmp_path / "no" / "plan.yaml"
    assert exportable.error("plan", "import", str(missing))["code"] == "unreadable-file"
    error = exportable.error("plan", "export", "autumn", "-o", str(missing))
    assert (error["code"], error["where"]) == ("unwritable-file", str(missing))


def test_a_file_without_a_plan_request_is_compared_with_its_own_resources(
    exportable: CommandLine, file: Path, stack: Stack
) -> None:
    text = file.read_text()
    start, end = text.index("plan_request:"), text.index("certificates:\n- fingerprint")
    file.write_text(text[:start] + text[end:])
    saved = exportable.json("plan", "import", str(file))
    assert saved["plan_request"] is None
    stack.seed_domains("c.example.com")
    assert exportable.json("plan", "diff", saved["id"])["differences"] == []
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    (found,) = exportable.json("plan", "diff", saved["id"])["differences"]
    assert (found["resource"], found["kind"]) == (f"{CDN}{HOSTS[0]}", "before")
