"""Runs random scenarios and prints what each one violated; `make chaos` calls it."""

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]  # loopback must not go through a proxy


ABORTED = "aborted"
MAX_SHOWN = 10  # violations per run: one cause often has many effects


def main() -> int:
    """The exit code: 1 if a run violated anything or was aborted."""
    options = _parser().parse_args()
    from tests.chaos.disk import unshare_mounts

    # Ctrl-C must end all processes, also in a background job, where shells ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mount = unshare_mounts()  # before any thread is started
    return asyncio.run(_run_all(options, mount))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="number of scenarios; --seed runs one")
    parser.add_argument("--seed", type=int, help="repeat the scenario of this seed")
    parser.add_argument("--first", type=int, help="first of consecutive seeds")
    parser.add_argument("--keep", type=Path, help="folder for the files of runs with violations")
    return parser


def _list_seeds(options: argparse.Namespace) -> list[int]:
    if options.seed is not None:
        return [options.seed]
    first = secrets.randbelow(900_000) + 100_000 if options.first is None else options.first
    return list(range(first, first + options.runs))


async def _run_all(options: argparse.Namespace, mount: bool) -> int:
    from tests.chaos import clock
    from tests.chaos.checks import KEY, QUOTA, REPORT, WRONG
    from tests.chaos.postgresql import Postgresql
    from tests.chaos.recording_ca import RecordingCA
    from tests.chaos.run import run
    from tests.chaos.scenario import draw

    logging.getLogger("temporalio").setLevel(logging.ERROR)
    _print(
        f"full disk: {'a small file system' if mount else 'RLIMIT_FSIZE, mounts are not allowed'}"
    )
    _print(f"clock jumps: {'libfaketime' if clock.find_library() else 'none, no libfaketime'}")
    ca, counts, began_at = RecordingCA("chaos"), Counter[str](), time.monotonic()
    postgresql: Postgresql | None = None
    seeds = _list_seeds(options)
    try:
        for seed in seeds:
            scenario = draw(seed)
            _print(f"seed {seed}: {scenario.describe()}")
            if scenario.postgresql and postgresql is None:
                postgresql = Postgresql()
            try:
                result = await run(scenario, ca, postgresql, mount=mount, keep=options.keep)
            except Exception:  # noqa: BLE001 - one aborted run must not stop the others
                traceback.print_exc()
                counts[ABORTED] += 1
                _print(f"  ABORTED (seed {seed}): the run itself failed, see the traceback above")
                continue
            for note in result.notes:
                _print(f"    {note}")
            for violation in result.violations:
                counts[violation.kind] += 1
            for violation in result.violations[:MAX_SHOWN]:
                _print(f"  VIOLATED (seed {seed}) {violation.kind}: {violation.message}")
            _print(f"  {result.seconds:.0f} s, {len(result.violations)} violations")
    finally:
        if postgresql is not None:
            postgresql.close()
    _print(
        f"{len(seeds)} runs in {time.monotonic() - began_at:.0f} s: "
        f"{counts[WRONG]} wrong certificates, "
        f"{counts[REPORT]} wrong reports, {counts[KEY]} leaked keys, {counts[QUOTA]} wrong quotas"
        + (f", {counts[ABORTED]} runs aborted" if counts[ABORTED] else "")
    )
    return 1 if counts else 0


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
