"""Saved plans as files: out, through git, and in again, or refused with the place of each fault."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.stored_examples import mark_vanished

HOSTS = ("a.example.com", "b.example.com")
PLACE = "main/alibaba.cdn/"


@pytest.fixture
def ready(stack: Stack) -> CommandLine:
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
def file(ready: CommandLine, tmp_path: Path) -> Path:
    """The same plan as a file."""
    path = tmp_path / "plan.yaml"
    told = ready("plan", "export", "autumn", "--output", str(path))
    assert told.stdout == ""
    assert "autumn: 3 changes in " in told.stderr
    return path


def edit(file: Path, was: str, becomes: str) -> None:
    text = file.read_text()
    assert was in text
    file.write_text(text.replace(was, becomes, 1))


def without_digest(file: Path) -> None:
    file.write_text(re.sub(r"^digest: .*\n", "", file.read_text(), flags=re.MULTILINE))


def test_a_file_comes_back_as_the_same_plan(ready: CommandLine, file: Path, stack: Stack) -> None:
    assert ready("plan", "export", "autumn").stdout == file.read_text()
    assert ready.json("plan", "export", "autumn")["text"] == file.read_text()
    saved = ready.json("plan", "import", str(file), "--by", "git")
    (one, other) = ready.json("plan", "list")
    assert (one["digest"], one["wish"]) == (other["digest"], other["wish"])
    assert (saved["origin"], saved["created_by"], saved["name"]) == ("imported", "git", "autumn")
    plans = [stack.store.plans.get_plan(each["id"]).changes for each in (one, other)]
    assert [each.model_copy(update={"why": None}) for each in plans[1]] == list(plans[0])
    assert ready.json("plan", "diff", one["id"])["differences"] == []


def test_it_holds_no_secret_and_is_plain_yaml(file: Path) -> None:
    text = file.read_text()
    assert "PRIVATE" not in text
    assert "secret" not in text
    known = yaml.safe_load(text)
    assert [each["resource"] for each in known["changes"]] == [
        f"{PLACE}{host}" for host in (*HOSTS, "off.example.com")
    ]
    assert known["changes"][2]["before"] is None


def test_one_that_was_edited_is_taken_without_its_digest(ready: CommandLine, file: Path) -> None:
    text = file.read_text()
    last = text.index(f"- resource: {PLACE}off")
    file.write_text(text[:last])
    told = ready.refusal("plan", "import", str(file))
    place = text[: text.index("digest: ")].count("\n") + 1
    assert told.startswith(f"{file}, line {place}, column 9: the plan of this file has digest ")
    without_digest(file)
    assert ready.json("plan", "import", str(file))["changes"] == 2


def test_strangers_are_refused_with_their_lines(ready: CommandLine, file: Path) -> None:
    without_digest(file)
    edit(file, f"resource: {PLACE}a.example.com", f"resource: {PLACE}x.example.com")
    edit(file, f"resource: {PLACE}b.example.com", "resource: else/alibaba.cdn/b.example.com")
    lines = ready("plan", "import", str(file), code=2).stderr.splitlines()
    assert lines[0] == f"error: {file}: 2 errors, nothing was stored"
    assert re.match(r"  line \d+, column 13: the resource .* is not in the inventory", lines[1])
    assert re.match(r"  line \d+, column 13: there is no account 'else'", lines[2])
    edit(file, "certificates:\n- fingerprint: ", f"certificates:\n- fingerprint: {'0' * 64} # ")
    assert "none of the `certificates`" in ready("plan", "import", str(file), code=2).stderr
    assert len(ready.json("plan", "list")) == 1


def test_what_a_rule_refuses_is_refused_with_its_line(ready: CommandLine, stack: Stack) -> None:
    stack.upload("narrow", "other.example.org")
    words = ("-c", "wild", "--resource", HOSTS[0], "--name", "one")
    ready("plan", "create", *words)
    text = ready("plan", "export", "one").stdout
    wild = stack.store.certificates.find("wild").fingerprint
    path = stack.settings.home / "served.yaml"
    served = re.sub(r"(before:\n +fingerprint: )\w+", rf"\g<1>{wild}", text)
    path.write_text(re.sub(r"^digest: .*\n", "", served, flags=re.MULTILINE))
    assert "this is what it serves before" in ready.refusal("plan", "import", str(path))


def test_a_resource_that_vanished_and_a_changed_one_are_refused(
    ready: CommandLine, file: Path, stack: Stack
) -> None:
    mark_vanished(stack.store, "main", "alibaba.cdn", datetime.now(UTC))
    told = ready("plan", "import", str(file), code=2).stderr
    assert told.count("has vanished") == 3


def test_files_that_cannot_be_read_or_written_are_told(ready: CommandLine, tmp_path: Path) -> None:
    missing = tmp_path / "no" / "plan.yaml"
    assert ready.error("plan", "import", str(missing))["code"] == "unreadable-file"
    told = ready.refusal("plan", "export", "autumn", "-o", str(missing))
    assert told.startswith(f"{missing}: cannot be written: No such file")


def test_a_file_without_a_wish_is_held_against_its_own_resources(
    ready: CommandLine, file: Path, stack: Stack
) -> None:
    text = file.read_text()
    start, end = text.index("wish:"), text.index("certificates:\n- fingerprint")
    file.write_text(text[:start] + text[end:])
    saved = ready.json("plan", "import", str(file))
    assert saved["wish"] is None
    stack.seed_domains("c.example.com")
    assert ready.json("plan", "diff", saved["id"])["differences"] == []
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    (found,) = ready.json("plan", "diff", saved["id"])["differences"]
    assert (found["resource"], found["what"]) == (f"{PLACE}{HOSTS[0]}", "before")
