"""Formats the results as a table, and writes it into docs/peers.md."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.peers.verdict import Key, Verdict, compute_spread

PAGE = Path(__file__).parents[2] / "docs" / "peers.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEAD = (
    "| | tool | left wrong | of these, exit code 0 | of these, said to be deployed "
    "| right, not said so | seconds | times the loop's | calls |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|",
)
COUNTS = ("wrong", "wrong_by_code", "wrong_by_word", "unclaimed")
BASELINE = "acme.sh, a loop"


def format_table(results: Mapping[Key, Verdict]) -> str:
    """A Markdown table: medians of all runs, with minimum and maximum if they differ."""
    rows = dict.fromkeys((key.scenario, key.tool) for key in results)
    return "\n".join([*HEAD, *(_format_row(results, *each) for each in rows)])


def describe_machine(command: str) -> str:
    """Date, machine and command of the measurement."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.machine()} (shared), Python {platform.python_version()}:\n"
        f"\n```\n{command}\n```"
    )


def replace_between_marks(page: str, text: str) -> str:
    """The page with `text` between its two marks; ValueError if they are missing."""
    before, began, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not began or not ended:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def _format_row(results: Mapping[Key, Verdict], scenario: str, tool: str) -> str:
    runs = {key.seed: one for key, one in results.items() if key[:2] == (scenario, tool)}
    verdicts = [*runs.values()]
    # Run by run, since both of one run had the same neighbours on the machine.
    ratios = [
        one.seconds / results[Key(scenario, BASELINE, seed)].seconds for seed, one in runs.items()
    ]
    cells = [
        *(_format_spread([getattr(one, name) for one in verdicts], "{:g}") for name in COUNTS),
        _format_spread([one.seconds for one in verdicts], "{:.1f}"),
        _format_spread(ratios, "{:.2f}"),
        _format_spread([one.calls for one in verdicts], "{:g}"),
    ]
    return f"| {scenario} | {tool} | {' | '.join(cells)} |"


def _format_spread(values: Sequence[float], form: str) -> str:
    middle, least, most = (form.format(value) for value in compute_spread(values))
    return middle if least == most else f"{middle} ({least} to {most})"
