"""`make bench`: prints the table of docs/performance.md for this machine, now."""

import argparse
import json
import platform
from datetime import UTC, datetime

import psutil

from benchmarks import thread


def main() -> None:
    """Measures with each latency, and prints Markdown or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--resources", type=int, default=1000)
    parser.add_argument("--latency", type=int, nargs="*", default=[0, 50], help="ms per call")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results = [thread.measure(latency, asked.resources) for latency in asked.latency]
    if asked.json:
        print(json.dumps(thread.as_dicts(results), indent=2))
        return
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    print(f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores, {memory:.0f} GiB, {platform.platform()},")
    print(f"Python {platform.python_version()}, {asked.resources} resources, window 100:\n")
    print(thread.table(results))


if __name__ == "__main__":
    main()
