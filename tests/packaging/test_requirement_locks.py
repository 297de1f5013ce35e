"""The locks: one set of versions, whoever installs; each file checked by its hash."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)(?: ;[^\\]*)? \\$", re.M)
PARTS = ("requirements-runtime.lock", "requirements-build.lock")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall(text(name)))


def named(requirements: list[str]) -> set[str]:
    """The names of requirements as pyproject writes them, in the form of the locks."""
    found = [re.match(r"[\w.-]+", line) for line in requirements]
    return {match[0].lower().replace("_", "-").replace(".", "-") for match in found if match}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_the_versions_of_the_whole(part: str) -> None:
    whole, own = pins("requirements.lock"), pins(part)
    assert own
    assert own.items() <= whole.items()


def test_the_runtime_part_has_what_the_program_needs_and_nothing_for_work_on_it() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    runtime = pins("requirements-runtime.lock")
    assert named(project["project"]["dependencies"]) <= set(runtime)
    assert not {"pytest", "mypy", "ruff", "hypothesis", "hatchling"} & set(runtime)


def test_the_build_part_has_the_tool_that_pyproject_names() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    (tool,) = project["build-system"]["requires"]
    assert project["dependency-groups"]["build"] == [tool]
    assert pins("requirements-build.lock").items() >= {tuple(tool.split("=="))}


@pytest.mark.parametrize("lock", ["requirements.lock", *PARTS])
def test_every_version_is_pinned_with_hashes_and_no_lock_names_an_index(lock: str) -> None:
    entries = [line for line in text(lock).splitlines() if line[:1].isalnum()]
    assert len(entries) == len(PIN.findall(text(lock)))
    for entry in re.split(r"\n(?=[a-z0-9])", text(lock)):
        assert "--hash=sha256:" in entry
    assert "://" not in text(lock)
