"""`python -m benchmarks.peers --acme-sh PATH`: measures, prints, and writes docs/peers.md."""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from benchmarks.peers import acme_sh, report
from benchmarks.peers.acme_sh import AcmeSh
from benchmarks.peers.faults import Scenario, build_scenarios
from benchmarks.peers.field import Field, field
from benchmarks.peers.ours import Certroll, Stack
from benchmarks.peers.verdict import Claims, Key, Verdict, compare, read, write
from starter.demo.ca import PracticeCA

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Tool(Protocol):
    """A tool to measure. `folder` is empty, and deleted after the run."""

    name: str
    only_with_faults: bool

    def run(self, field: Field, folder: Path) -> Claims:
        """Deploys the wanted certificate to all names; returns what the tool claims."""
        ...


def measure(tool: Tool, ca: PracticeCA, scenario: Scenario, seed: int, latency: int) -> Verdict:
    """Measures one run of one tool, on a field of its own."""
    with tempfile.TemporaryDirectory(prefix="certroll-peers-") as temporary:
        folder = Path(temporary)
        with field(folder, ca, scenario, seed=seed, latency_ms=latency) as running:
            claims = tool.run(running, folder)
            return compare(running.names, running.list_correct_names(), claims)


def measure_all(tools: Sequence[Tool], options: argparse.Namespace) -> dict[Key, Verdict]:
    """Measures the tools alternately, so that all of them see the same noise."""
    ca = PracticeCA("peers")
    results = read(options.results)
    for scenario in build_scenarios(options.domains):
        for seed in range(1, options.runs + 1):
            for tool in tools:
                key = Key(scenario.name, tool.name, seed)
                useless = tool.only_with_faults and not scenario.share
                if useless or key in results or options.only not in scenario.name:
                    continue
                results[key] = measure(tool, ca, scenario, seed, options.latency)
                print(*key, results[key], file=sys.stderr, sep=", ")
                write(options.results, results)
    return results


def main() -> None:
    """Measures and prints; the page is written unless `--no-page` says otherwise."""
    options = _parse_options()
    for name in PROXIES:  # some client libraries send even calls on loopback there
        os.environ.pop(name, None)
    program = acme_sh.find_program(options.acme_sh)
    peers = [AcmeSh(program, at_once=False), AcmeSh(program, at_once=True)]
    with (
        tempfile.TemporaryDirectory(prefix="certroll-peers-") as folder,
        closing(Stack(Path(folder))) as stack,
    ):
        ours = [Certroll(stack, scheduled=False), Certroll(stack, scheduled=True)]
        results = measure_all([*peers, *ours], options)
    facts = (
        f"acme.sh {peers[0].version()}; {options.latency} ms per call; {options.runs} runs; "
        f"starting certroll's server and worker took {stack.seconds_to_start:.1f} s "
        "and is not in the table."
    )
    machine = report.describe_machine(f"python -m benchmarks.peers {shlex.join(sys.argv[1:])}")
    text = f"{machine}\n\n{facts}\n\n{report.format_table(results)}"
    print(text)
    if not options.no_page:
        report.PAGE.write_text(report.replace_between_marks(report.PAGE.read_text(), text))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--acme-sh", type=Path, required=True, help="a checkout of acme.sh")
    parser.add_argument("--runs", type=int, default=5, help="each with a seed of its own")
    parser.add_argument("--domains", type=int, default=50)
    parser.add_argument("--latency", type=int, default=50, help="ms per call")
    parser.add_argument("--only", default="", help="scenarios with this in their name")
    parser.add_argument("--results", type=Path, help="kept here, and not measured again")
    parser.add_argument("--no-page", action="store_true", help="only print")
    return parser.parse_args()


if __name__ == "__main__":
    main()
