"""`make bench`: prints the tables of docs/performance.md for this machine, now."""

import argparse
import json
import platform
from datetime import UTC, datetime

import psutil

from benchmarks import connectors, expiry, imports, matching, newcomer, syncing, thread

SECTIONS = {
    "connectors": connectors.build_section,
    "imports": imports.build_section,
    "syncing": syncing.build_section,
    "matching": matching.build_section,
    "expiry": expiry.build_section,
    "newcomer": newcomer.build_section,
}


def main() -> None:
    """Measures all sections, or those of `--only`; prints Markdown, or JSON of the task alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--resources", type=int, default=1000)
    parser.add_argument("--latency", type=int, nargs="*", default=[0, 50], help="ms per call")
    parser.add_argument(
        "--only", nargs="*", choices=("thread", *SECTIONS), default=("thread", *SECTIONS)
    )
    parser.add_argument("--json", action="store_true", help="the section `thread` alone")
    options = parser.parse_args()
    if options.json:
        results = [thread.measure(latency, options.resources) for latency in options.latency]
        print(json.dumps(thread.to_dicts(results), indent=2))
        return
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    print(f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores, {memory:.0f} GiB, {platform.platform()},")
    print(f"Python {platform.python_version()}")
    for name in options.only:
        print(f"\n## {name}\n", flush=True)
        if name == "thread":
            results = [thread.measure(latency, options.resources) for latency in options.latency]
            print(f"{options.resources} resources, window 100:\n\n{thread.format_table(results)}")
        else:
            print(SECTIONS[name]())


if __name__ == "__main__":
    main()
