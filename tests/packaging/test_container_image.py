"""Tests the Dockerfile of the worker: pinned parts, all packages, and nothing else."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def list_copied() -> set[str]:
    """The names that the image copies from the project."""
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)
    return {name for line in lines for name in line.split()}


def test_the_image_copies_what_the_wheel_contains() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    locks = {"requirements-runtime.lock", "requirements-build.lock"}
    assert list_copied() == {*wheel, *locks, "pyproject.toml", "README.md"}
    assert all((ROOT / name).exists() for name in list_copied())


def test_the_build_context_has_these_files_only() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == list_copied()
    assert lines[-1] == "**/__pycache__"


def test_the_base_image_is_pinned_to_a_release() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert bases[0].startswith(f"python:{oldest}."), "the version that the tests run on"


def test_the_image_does_not_run_as_root() -> None:
    user = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.M)[-1]
    assert int(user) > 0
    assert f"useradd --uid {user} " in DOCKERFILE


def test_all_downloads_are_checked_by_hash() -> None:
    installs = re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.M)
    assert installs == [
        "--require-hashes --no-deps -r requirements-runtime.lock",
        "--require-hashes --no-deps -r requirements-build.lock",
        "--no-deps /tmp/wheel/*.whl",
    ]


def test_the_command_is_a_script_of_the_project() -> None:
    (command,) = re.findall(r'^CMD \["([\w-]+)"\]$', DOCKERFILE, re.M)
    assert command in PROJECT["project"]["scripts"]


@pytest.mark.parametrize("secret", [".env", "kek"])
def test_secrets_beside_the_compose_file_are_ignored_by_git(secret: str) -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    assert any(fnmatch(secret, pattern) for pattern in ignored)
