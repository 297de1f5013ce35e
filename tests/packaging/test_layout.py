"""Tests that the import contracts cover the whole tree, and that no file names a package index."""

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
NOT_PRODUCT = {"tests", "benchmarks", "docs"}  # the product does not import them
GENERATED = {"build", "dist", "__pycache__"}

# In parts, because the test searches this file too.
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
def load_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def list_packages() -> set[str]:
    """Top-level folders with Python in them, however deep."""
    folders = (path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")
    return {
        folder.name
        for folder in folders
        if folder.name not in GENERATED and any(folder.rglob("*.py"))
    }


def list_contracts() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = load_project()["tool"]["importlinter"]["contracts"]
    return listed


def list_roots() -> set[str]:
    return set(load_project()["tool"]["importlinter"]["root_packages"])


def list_files() -> Iterator[Path]:
    """Every file of the project, except caches and environments."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            one for one in below if one not in GENERATED and (one[0] != "." or one == ".ci")
        ]
        yield from (Path(folder, name) for name in names if not name.startswith(".coverage"))


def test_every_package_is_under_the_import_contracts() -> None:
    assert list_packages() == list_roots() | NOT_PRODUCT


def test_every_package_has_a_layer() -> None:
    listed = (
        one for one in list_contracts() if one["type"] == "layers" and "containers" not in one
    )
    (layers,) = (one["layers"] for one in listed)
    layered = {name.strip() for layer in layers for name in layer.split("|")}
    assert layered == list_roots() - {"sandbox"}


def test_the_sandbox_is_separate_from_every_layer() -> None:
    forbidden = [one for one in list_contracts() if one["type"] == "forbidden"]
    (away,) = (one for one in forbidden if one["source_modules"] == ["sandbox"])
    (toward,) = (one for one in forbidden if one["forbidden_modules"] == ["sandbox"])
    assert set(away["forbidden_modules"]) == list_roots() - {"sandbox"}
    assert set(toward["source_modules"]) == list_roots() - {"sandbox", "starter"}


def test_every_package_of_the_domain_has_a_layer() -> None:
    (layers,) = (one["layers"] for one in list_contracts() if one.get("containers") == ["domain"])
    layered = {name.strip() for layer in layers for name in layer.split("|")}
    packages = {path.parent.name for path in (ROOT / "domain").glob("*/__init__.py")}
    assert layered == packages


def test_imports_between_siblings_are_acyclic_in_every_package() -> None:
    (acyclic,) = (one for one in list_contracts() if one["type"] == "acyclic_siblings")
    assert set(acyclic["ancestors"]) == list_roots()


def test_worker_is_the_only_module_outside_the_packages() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {"worker.py"}


def test_the_whole_tree_is_packaged_and_type_checked() -> None:
    tool = load_project()["tool"]
    packaged = set(tool["hatch"]["build"]["targets"]["wheel"]["only-include"])
    assert packaged == list_roots() | {"worker.py"}
    assert set(tool["mypy"]["files"]) >= packaged | {"tests", "benchmarks"}


def test_nothing_imports_the_worker_module() -> None:
    importers = {
        path
        for name in list_roots()
        for path in (ROOT / name).rglob("*.py")
        if "worker" in list_imports(path)
    }
    assert importers == set()


SERVICES = sorted(
    path.relative_to(ROOT)
    for path in (ROOT / "connectors").glob("*/*.py")
    if not path.name.startswith("_")
)


@pytest.mark.parametrize("path", SERVICES, ids=map(str, SERVICES))
def test_connectors_do_not_import_each_other(path: Path) -> None:
    others = {".".join(other.with_suffix("").parts) for other in SERVICES if other != path}
    assert list_imports(ROOT / path).isdisjoint(others)


@pytest.mark.parametrize(
    ("client", "wrapper"),
    [("alibabacloud_tea_openapi", "sdk.py"), ("alibabacloud_oss_v2", "oss_client.py")],
)
def test_one_module_uses_each_official_client(client: str, wrapper: str) -> None:
    users = {
        path.name
        for path in (ROOT / "connectors").rglob("*.py")
        if any(name.partition(".")[0] == client for name in list_imports(path))
    }
    assert users <= {wrapper}


def list_imports(path: Path) -> set[str]:
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
    for path in list_files():
        text = path.read_bytes().decode(errors="replace")
        named += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRIES if host in text]
    assert named == []


def test_locks_and_builds_name_no_address_and_no_index_option() -> None:
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
