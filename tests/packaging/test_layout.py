"""The tree is what the import contracts think it is, and no file says where packages come from."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BESIDE_THE_HOUSE = {"tests", "benchmarks", "docs"}  # imported by nothing in it
NOT_OURS = {"build", "dist", "__pycache__"}

# In parts, since this file is searched too.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("gcr", "io"),
        ("pkg", "dev"),
        ("proxy", "golang", "org"),
        ("aliyuncs", "com/pypi"),
        ("mirrors", "aliyun", "com"),
        ("azurecr", "io"),
        ("jfrog", "io"),
    )
]
OPTIONS = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host|PIP_INDEX|UV_INDEX")
IMAGE = re.compile(r"^\s*(?:image:|FROM)\s+(\S+)", re.MULTILINE)


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages() -> set[str]:
    """Top-level folders with Python in them, however deep."""
    folders = (path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    return {
        folder.name
        for folder in folders
        if folder.name not in NOT_OURS and any(folder.rglob("*.py"))
    }


def contracts() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = project()["tool"]["importlinter"]["contracts"]
    return listed


def roots() -> set[str]:
    return set(project()["tool"]["importlinter"]["root_packages"])


def files() -> Iterator[Path]:
    """Every text file of the project, caches and environments left out."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [one for one in below if one not in NOT_OURS and (one[0] != "." or one == ".ci")]
        yield from (Path(folder, name) for name in names if not name.startswith(".coverage"))


def test_every_package_is_under_the_import_contracts() -> None:
    assert packages() == roots() | BESIDE_THE_HOUSE


def test_every_layer_has_its_place_in_the_order_of_layers() -> None:
    listed = (one for one in contracts() if one["type"] == "layers" and "containers" not in one)
    (layers,) = (one["layers"] for one in listed)
    placed = {name.strip() for layer in layers for name in layer.split("|")}
    assert placed == roots() - {"sandbox"}


def test_the_sandbox_is_kept_apart_from_every_layer() -> None:
    forbidden = [one for one in contracts() if one["type"] == "forbidden"]
    (away,) = (one for one in forbidden if one["source_modules"] == ["sandbox"])
    (toward,) = (one for one in forbidden if one["forbidden_modules"] == ["sandbox"])
    assert set(away["forbidden_modules"]) == roots() - {"sandbox"}
    assert set(toward["source_modules"]) == roots() - {"sandbox", "starter"}


def test_every_room_of_the_domain_has_its_place_in_their_order() -> None:
    (layers,) = (one["layers"] for one in contracts() if one.get("containers") == ["domain"])
    placed = {name.strip() for layer in layers for name in layer.split("|")}
    rooms = {path.parent.name for path in (ROOT / "domain").glob("*/__init__.py")}
    assert placed == rooms


def test_no_room_imports_a_sibling_that_imports_it() -> None:
    (acyclic,) = (one for one in contracts() if one["type"] == "acyclic_siblings")
    assert set(acyclic["ancestors"]) == roots()


def test_worker_is_the_only_module_beside_the_packages() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {"worker.py"}


def test_what_is_packaged_and_what_is_checked_is_the_whole_tree() -> None:
    tool = project()["tool"]
    packaged = set(tool["hatch"]["build"]["targets"]["wheel"]["only-include"])
    assert packaged == roots() | {"worker.py"}
    assert set(tool["mypy"]["files"]) >= packaged | {"tests", "benchmarks"}


def test_nothing_imports_the_worker_module() -> None:
    importers = {
        path
        for name in roots()
        for path in (ROOT / name).rglob("*.py")
        if "worker" in imported(path)
    }
    assert importers == set()


SERVICES = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "connectors").glob("*/*.py")
    if not path.name.startswith("_")
)


@pytest.mark.parametrize("path", SERVICES, ids=map(str, SERVICES))
def test_a_connector_knows_no_other(path: Path) -> None:
    others = {".".join(other.with_suffix("").parts) for other in SERVICES if other != path}
    assert imported(ROOT / path).isdisjoint(others)


@pytest.mark.parametrize(
    ("client", "wrapper"),
    [("alibabacloud_tea_openapi", "sdk.py"), ("alibabacloud_oss_v2", "oss_client.py")],
)
def test_one_module_talks_to_each_official_client(client: str, wrapper: str) -> None:
    users = {
        path.name
        for path in (ROOT / "connectors").rglob("*.py")
        if any(name.partition(".")[0] == client for name in imported(path))
    }
    assert users <= {wrapper}


def imported(path: Path) -> set[str]:
    """The modules that a file imports; for `from a import b` both a and a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_file_names_a_package_index_or_an_image_registry() -> None:
    named = []
    for path in files():
        text = path.read_bytes().decode(errors="replace")
        named += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRIES if host in text]
    assert named == []


def test_locks_and_builds_hold_no_address_and_no_option_that_gives_one() -> None:
    locks = list(ROOT.glob("requirements*.lock"))
    assert ROOT / "requirements.lock" in locks
    for path in locks:
        assert "://" not in path.read_text(), path.name
    for path in [*locks, ROOT / "Makefile", ROOT / "pyproject.toml", *ROOT.glob("Dockerfile*")]:
        assert OPTIONS.search(path.read_text()) is None, path.name


def test_every_locked_package_is_pinned_with_hashes() -> None:
    for path in ROOT.glob("requirements*.lock"):
        text = path.read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
        assert lines
        assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


def test_images_come_from_the_default_registry_with_a_version() -> None:
    places = [*ROOT.glob("docker-compose*.yml"), *ROOT.glob("Dockerfile*")]
    images = [name for path in places for name in IMAGE.findall(path.read_text())]
    for image in images:
        first, slash, _ = image.partition("/")
        assert not (slash and re.search(r"[.:]", first)), image
        assert ":" in image, image
        assert not image.endswith(":latest"), image
