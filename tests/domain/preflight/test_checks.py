"""The list of checks: numbers and codes."""

import re

from domain.preflight.checks import CHECKS


def test_numbers_are_used_once_and_in_order() -> None:
    assert [check.number for check in CHECKS] == [f"C{n:02}" for n in range(1, len(CHECKS) + 1)]


def test_codes_are_unique_and_in_kebab_case() -> None:
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(CHECKS)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", code) for code in codes)
    assert {"chain-validity", "maintenance-window"} <= set(codes)
