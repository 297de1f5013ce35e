"""Measures what importing a worker costs: time and memory.

`python -m benchmarks.imports` starts three processes for each row and prints the medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

ROUNDS = 3
ROWS = {
    "Python alone": "",
    "with Temporal's SDK": "import temporalio.worker",
    "worker, no connector loaded": "import worker",
    "worker, one connector loaded": (
        "import worker, connectors; connectors.load_connector('alibaba.cdn')"
    ),
    "worker, all connectors loaded": (
        "import worker, connectors; "
        "[connectors.load_connector(name) for name in connectors.list_services()]"
    ),
}
PROGRAM = """
import json, time
from benchmarks.apart import get_peak_mib
began = time.perf_counter()
{statement}
took = time.perf_counter() - began
print(json.dumps([took, get_peak_mib()]))
"""


@dataclass
class Cost:
    """One row: seconds to import, and the largest resident set in MiB."""

    what: str
    seconds: float
    mib: float


def measure() -> list[Cost]:
    """Measures all rows; each adds to the one before."""
    return [_measure_row(what, statement) for what, statement in ROWS.items()]


def format_table(costs: list[Cost]) -> str:
    """Markdown."""
    rows = [f"| {cost.what} | {cost.seconds * 1000:.0f} | {cost.mib:.0f} |" for cost in costs]
    return "\n".join(["| process | import, ms | memory, MiB |", "| --- | ---: | ---: |", *rows])


def build_section() -> str:
    """The section of `make bench`."""
    return format_table(measure())


def _measure_row(what: str, statement: str) -> Cost:
    program = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    answers = [
        json.loads(subprocess.run(program, capture_output=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    seconds, mib = zip(*answers, strict=True)
    return Cost(what, statistics.median(seconds), statistics.median(mib))


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.imports").parse_args()
    print(build_section())


if __name__ == "__main__":
    main()
