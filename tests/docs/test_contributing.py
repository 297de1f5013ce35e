"""Each recipe of CONTRIBUTING.md, followed in a copy of the repository, ends with a passing test.

A recipe is a section "## Add ...". Its Python and Markdown blocks say in their first line where
they go: `# PATH` is a new file, `# PATH, after: TEXT` is inserted below the one line that begins
with TEXT. Its shell block is run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = {
    part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}
BLOCK = re.compile(r"^```(python|md|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"# (?P<path>\S+\.(?:py|md))(?:, after: (?P<line>.+))?\n")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files of the repository that Git knows or would add, in a folder of their own."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def follow(recipe: str, folder: Path) -> list[str]:
    """Writes the recipe's blocks into the folder; returns the commands that it ends with."""
    commands: list[str] = []
    for language, text in BLOCK.findall(recipe):
        if language == "sh":
            commands += text.splitlines()
            continue
        where = PLACE.match(text)
        assert where, f"the block does not say where it goes: {text[:60]!r}"
        path, code = folder / where["path"], text[where.end() :]
        if where["line"] is None:
            assert not path.exists(), f"{where['path']} exists already"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
        else:
            insert(path, where["line"], code)
    return commands


def insert(path: Path, after: str, code: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    found = [number for number, line in enumerate(lines) if line.strip().startswith(after)]
    assert len(found) == 1, f"{len(found)} lines of {path} begin with {after!r}"
    (at,) = found
    path.write_text("".join([*lines[: at + 1], code, *lines[at + 1 :]]))


@pytest.mark.parametrize("title", [title for title in RECIPES if title.startswith("Add ")])
def test_a_recipe_ends_with_a_passing_test(title: str, copy: Path) -> None:
    commands = follow(RECIPES[title], copy)
    assert commands
    for command in commands:
        words = [sys.executable if word == "python" else word for word in command.split()]
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        ended = subprocess.run(
            words, cwd=copy, env=environment, capture_output=True, text=True, timeout=100
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("title", [title for title in RECIPES if title.startswith("Add ")])
def test_a_recipe_says_how_many_files_it_touches(title: str) -> None:
    recipe = RECIPES[title]
    touched = {where["path"] for where in PLACE.finditer(recipe)}
    (number,) = re.findall(r"^Files: (\d+)\b", recipe, re.MULTILINE)
    assert int(number) == len(touched)


def test_there_is_a_recipe_for_everything_that_is_added_often() -> None:
    wanted = {"connector", "notification channel", "outcome", "preflight check", "command"}
    titles = " ".join(title for title in RECIPES if title.startswith("Add "))
    assert {one for one in wanted if one not in titles} == set()


@pytest.mark.parametrize("title", [title for title in RECIPES if title.startswith("Add ")])
def test_a_recipe_names_files_that_exist_or_that_it_writes(title: str) -> None:
    recipe = RECIPES[title]
    written = {where["path"] for where in PLACE.finditer(recipe) if where["line"] is None}
    named = set(re.findall(r"`([a-z_./]+\.(?:py|md))`", recipe))
    assert {name for name in named - written if not (ROOT / name).exists()} == set()
