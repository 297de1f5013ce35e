"""Tests the requirement locks: the same versions in all of them, each file with its hash."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)(?: ;[^\\]*)? \\$", re.M)
PARTS = ("requirements-runtime.lock", "requirements-build.lock")


def read(name: str) -> str:
    return (ROOT / name).read_text()


def list_pins(name: str) -> dict[str, str]:
    return dict(PIN.findall(read(name)))


def list_names(requirements: list[str]) -> set[str]:
    """The names of requirements in pyproject.toml, normalized as in the locks."""
    found = [re.match(r"[\w.-]+", line) for line in requirements]
    return {match[0].lower().replace("_", "-").replace(".", "-") for match in found if match}


@pytest.mark.parametrize("part", PARTS)
def test_each_partial_lock_has_the_versions_of_the_full_lock(part: str) -> None:
    whole, own = list_pins("requirements.lock"), list_pins(part)
    assert own
    assert own.items() <= whole.items()


def test_the_runtime_lock_has_the_dependencies_and_no_development_tools() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    runtime = list_pins("requirements-runtime.lock")
    assert list_names(project["project"]["dependencies"]) <= set(runtime)
    assert not {"pytest", "mypy", "ruff", "hypothesis", "hatchling"} & set(runtime)


def test_the_build_lock_has_the_build_tool_of_pyproject() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    (tool,) = project["build-system"]["requires"]
    assert project["dependency-groups"]["build"] == [tool]
    assert list_pins("requirements-build.lock").items() >= {tuple(tool.split("=="))}


@pytest.mark.parametrize("lock", ["requirements.lock", *PARTS])
def test_every_version_is_pinned_with_hashes_and_no_lock_names_an_index(lock: str) -> None:
    entries = [line for line in read(lock).splitlines() if line[:1].isalnum()]
    assert len(entries) == len(PIN.findall(read(lock)))
    for entry in re.split(r"\n(?=[a-z0-9])", read(lock)):
        assert "--hash=sha256:" in entry
    assert "://" not in read(lock)
