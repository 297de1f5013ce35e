"""Tests that the pre-commit hooks run the commands of `make check`, from the same environment."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def read_recipe(target: str) -> list[str]:
    """The commands of one target of the Makefile, with its variables filled in."""
    lines = iter((ROOT / "Makefile").read_text().splitlines())
    next(line for line in lines if line.startswith(f"{target}:"))
    commands = []
    for line in lines:
        if not line.startswith("\t"):
            break
        commands.append(line.strip().replace("$(BIN)", ".venv/bin"))
    return commands


def test_the_hooks_run_the_commands_of_make_check() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == read_recipe("check")


def test_the_hooks_use_installed_tools_and_check_all_files() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == (
            "system",
            False,
            True,
        )
