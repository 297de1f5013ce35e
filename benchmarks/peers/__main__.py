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
from benchmarks.peers.faults import Scenario, scenarios
from benchmarks.peers.field import Field, field
from benchmarks.peers.ours import Certroll, House
from benchmarks.peers.verdict import Claims, Key, Verdict, judged, read, write
from starter.demo.ca import PracticeCA

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Tool(Protocol):
    """What is measured. `folder` is empty, and gone after the run."""

    name: str
    only_with_faults: bool

    def run(self, field: Field, folder: Path) -> Claims:
        """Puts the wanted certificate on all names of the field, and says what it thinks of it."""
        ...


def measure(tool: Tool, ca: PracticeCA, scenario: Scenario, seed: int, latency: int) -> Verdict:
    """One run of one tool, on a field of its own."""
    with tempfile.TemporaryDirectory(prefix="certroll-peers-") as folder:
        place = Path(folder)
        with field(place, ca, scenario, seed=seed, latency_ms=latency) as made:
            claims = tool.run(made, place)
            return judged(made.names, made.right(), claims)


def measure_all(tools: Sequence[Tool], asked: argparse.Namespace) -> dict[Key, Verdict]:
    """The tools take turns within each run, so that all of them see the same noise."""
    ca = PracticeCA("peers")
    results = read(asked.results)
    for scenario in scenarios(asked.domains):
        for seed in range(1, asked.runs + 1):
            for tool in tools:
                key = Key(scenario.name, tool.name, seed)
                useless = tool.only_with_faults and not scenario.share
                if useless or key in results or asked.only not in scenario.name:
                    continue
                results[key] = measure(tool, ca, scenario, seed, asked.latency)
                print(*key, results[key], file=sys.stderr, sep=", ")
                write(asked.results, results)
    return results


def main() -> None:
    """Measures and prints; the page is written unless `--no-page` says otherwise."""
    asked = _asked()
    for name in PROXIES:  # some client libraries send even calls on loopback there
        os.environ.pop(name, None)
    program = acme_sh.program(asked.acme_sh)
    peers = [AcmeSh(program, at_once=False), AcmeSh(program, at_once=True)]
    with (
        tempfile.TemporaryDirectory(prefix="certroll-peers-") as folder,
        closing(House(Path(folder))) as house,
    ):
        ours = [Certroll(house, scheduled=False), Certroll(house, scheduled=True)]
        results = measure_all([*peers, *ours], asked)
    facts = (
        f"acme.sh {peers[0].version()}; {asked.latency} ms per call; {asked.runs} runs; starting "
        f"certroll's server and worker took {house.seconds_to_start:.1f} s and is not in the table."
    )
    machine = report.machine(f"python -m benchmarks.peers {shlex.join(sys.argv[1:])}")
    text = f"{machine}\n\n{facts}\n\n{report.table(results)}"
    print(text)
    if not asked.no_page:
        report.PAGE.write_text(report.within(report.PAGE.read_text(), text))


def _asked() -> argparse.Namespace:
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
