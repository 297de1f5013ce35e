"""docs/checks.md tells of every check and cause, and each has a test that shows it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from domain.preflight.checks import CHECK, CHECKS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "checks.md").read_text()
CAUSES = range(1, 17)
SHOWN_IN = (
    "tests/operations/preflight/test_findings.py",
    "tests/workflows/deployment/test_rollout_preflight.py",
    "tests/outage_causes/test_certificates.py",
    "tests/outage_causes/test_targets.py",
)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its own two lines."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:]]


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            yield node


def test_the_page_lists_every_check_as_the_code_has_it() -> None:
    told = {row[0]: row[1:] for row in rows("All checks")}
    assert list(told) == [check.number for check in CHECKS]
    for number, (name, about, what, default, fix) in told.items():
        check = CHECK[number]
        said = (check.name, check.about.value, check.what, check.fix)
        assert (name, about, what, fix) == said
        assert default.split()[0] == check.policy
        assert ("operator" in default) == check.operator


def test_every_check_that_is_told_of_is_found_by_a_test_and_every_tested_one_is_told() -> None:
    found: set[str] = set()
    for name in SHOWN_IN:
        for test in functions_of(ROOT / name):
            found |= set(re.findall(r"\bC\d\d\b", ast.unparse(test)))
    assert found == set(CHECK)


def test_every_cause_is_told_of_with_the_test_that_makes_it() -> None:
    names = {
        test.name
        for path in (ROOT / "tests" / "outage_causes").glob("test_*.py")
        for test in functions_of(path)
    }
    causes = sorted(name for name in names if name.startswith("test_cause_"))
    assert [int(name.split("_")[2]) for name in causes] == list(CAUSES)
    told = rows("Causes of outages")
    assert [int(row[0]) for row in told] == list(CAUSES)
    assert [row[-1].strip("`") for row in told] == causes
    for row in told:
        assert row[3] in ("before", "after")
        assert set(re.findall(r"\bC\d\d\b", row[4])) <= set(CHECK)


def test_each_check_that_a_cause_names_is_in_its_test() -> None:
    texts = {
        test.name: ast.unparse(test)
        for path in (ROOT / "tests" / "outage_causes").glob("test_*.py")
        for test in functions_of(path)
    }
    for row in rows("Causes of outages"):
        for number in re.findall(r"\bC\d\d\b", row[4]):
            assert number in texts[row[-1].strip("`")], (row[0], number)
