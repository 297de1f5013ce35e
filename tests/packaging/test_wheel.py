"""Tests the wheel: it holds all files of the program, and nothing else."""

import configparser
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTENTS: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
PROGRAM = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
for target in sys.argv[2:]:
    module, _, function = target.partition(":")
    loaded = importlib.import_module(module)
    assert loaded.__file__.startswith(sys.argv[1]), loaded.__file__
    assert callable(getattr(loaded, function))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built by the pinned tool without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def list_source_files() -> set[str]:
    """All files of the packages in the wheel, except caches."""
    found = [ROOT / name for name in CONTENTS if name.endswith(".py")]
    for name in CONTENTS:
        found += [path for path in (ROOT / name).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(ROOT))
        for path in found
        if "__pycache__" not in path.relative_to(ROOT).parts
    }


def test_the_wheel_holds_every_file_of_its_packages(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == list_source_files()


def test_the_wheel_holds_the_migrations_and_their_template(wheel: zipfile.ZipFile) -> None:
    migrations = {name for name in wheel.namelist() if name.startswith("storage/migrations/")}
    assert migrations >= {"storage/migrations/env.py", "storage/migrations/script.py.mako"}
    assert any("/versions/0001" in name for name in migrations)


def test_the_wheel_holds_every_package_of_the_import_contracts() -> None:
    contracts = PROJECT["tool"]["importlinter"]["root_packages"]
    assert set(CONTENTS) == {*contracts, "worker.py"}


def test_the_commands_of_the_wheel_can_be_imported(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    (entries,) = tmp_path.glob("*.dist-info/entry_points.txt")
    parser = configparser.ConfigParser()
    parser.read(entries)
    commands = dict(parser["console_scripts"])
    assert set(commands) == {"certroll", "certroll-worker"}
    run = [sys.executable, "-c", PROGRAM, str(tmp_path), *commands.values()]
    subprocess.run(run, cwd=tmp_path, check=True)
