"""Tests that docs/checks.md lists every check and cause, and that each has a test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from domain.preflight.checks import CHECK_BY_NUMBER, CHECKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "checks.md").read_text()
CAUSES = range(1, 17)
TESTED_IN = (
    "tests/operations/preflight/test_findings.py",
    "tests/workflows/deployment/test_rollout_preflight.py",
    "tests/outage_causes/test_certificates.py",
    "tests/outage_causes/test_targets.py",
)


def list_rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def list_tests(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            yield node


def test_the_page_lists_every_check_as_the_code_defines_it() -> None:
    listed = {row[0]: row[1:] for row in list_rows("All checks")}
    assert list(listed) == [check.number for check in CHECKS]
    for number, (name, about, what, default, fix) in listed.items():
        check = CHECK_BY_NUMBER[number]
        defined = (check.name, check.about.value, check.what, check.fix)
        assert (name, about, what, fix) == defined
        assert default.split()[0] == check.policy
        assert ("operator" in default) == check.operator


def test_every_check_has_a_test_and_every_tested_check_exists() -> None:
    found: set[str] = set()
    for name in TESTED_IN:
        for test in list_tests(ROOT / name):
            found |= set(re.findall(r"\bC\d\d\b", ast.unparse(test)))
    assert found == set(CHECK_BY_NUMBER)


def test_the_page_lists_every_cause_with_its_test() -> None:
    names = {
        test.name
        for path in (ROOT / "tests" / "outage_causes").glob("test_*.py")
        for test in list_tests(path)
    }
    causes = sorted(name for name in names if name.startswith("test_cause_"))
    assert [int(name.split("_")[2]) for name in causes] == list(CAUSES)
    listed = list_rows("Causes of outages")
    assert [int(row[0]) for row in listed] == list(CAUSES)
    assert [row[-1].strip("`") for row in listed] == causes
    for row in listed:
        assert row[3] in ("before", "after")
        assert set(re.findall(r"\bC\d\d\b", row[4])) <= set(CHECK_BY_NUMBER)


def test_the_test_of_a_cause_names_the_checks_that_the_page_names() -> None:
    texts = {
        test.name: ast.unparse(test)
        for path in (ROOT / "tests" / "outage_causes").glob("test_*.py")
        for test in list_tests(path)
    }
    for row in list_rows("Causes of outages"):
        for number in re.findall(r"\bC\d\d\b", row[4]):
            assert number in texts[row[-1].strip("`")], (row[0], number)
