"""What a worker costs before it has done anything: time to import it, and memory.

`python -m benchmarks.imports` starts a process for each row, three times, and tells the medians.
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
    "worker, one connector loaded": "import worker, connectors; connectors.load('alibaba.cdn')",
    "worker, all connectors loaded": (
        "import worker, connectors; [connectors.load(name) for name in connectors.names()]"
    ),
}
MEASURED = """
import json, time
from benchmarks.apart import peak_mib
began = time.perf_counter()
{statement}
took = time.perf_counter() - began
print(json.dumps([took, peak_mib()]))
"""


@dataclass
class Cost:
    """One row: seconds to import, and the largest resident set in MiB."""

    what: str
    seconds: float
    mib: float


def measure() -> list[Cost]:
    """All rows, in the order of what they add."""
    return [_measured(what, statement) for what, statement in ROWS.items()]


def table(costs: list[Cost]) -> str:
    """Markdown."""
    rows = [f"| {cost.what} | {cost.seconds * 1000:.0f} | {cost.mib:.0f} |" for cost in costs]
    return "\n".join(["| process | import, ms | memory, MiB |", "| --- | ---: | ---: |", *rows])


def section() -> str:
    """What `make bench` prints of it."""
    return table(measure())


def _measured(what: str, statement: str) -> Cost:
    program = [sys.executable, "-c", MEASURED.format(statement=statement)]
    answers = [
        json.loads(subprocess.run(program, capture_output=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    seconds, mib = zip(*answers, strict=True)
    return Cost(what, statistics.median(seconds), statistics.median(mib))


def main() -> None:
    """Measures and prints."""
    argparse.ArgumentParser(prog="python -m benchmarks.imports").parse_args()
    print(section())


if __name__ == "__main__":
    main()
