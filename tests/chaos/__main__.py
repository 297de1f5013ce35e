"""`python -m tests.chaos`: so many random scenarios, and what of them was not as it must be."""

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


BROKEN = "broken off"
MOST_SHOWN = 10  # of one run: one cause has often many effects


def main() -> int:
    """1 if anything was violated."""
    given = _parser().parse_args()
    from tests.chaos.disk import have_mounts_of_our_own

    # Whoever ends it ends all that it started too, also where Ctrl-C is ignored in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mount = have_mounts_of_our_own()  # before any thread is started
    return asyncio.run(_all(given, mount))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="how many; 1 with --seed")
    parser.add_argument("--seed", type=int, help="repeats the run of this seed")
    parser.add_argument("--first", type=int, help="of a row of seeds, one after the other")
    parser.add_argument("--keep", type=Path, help="where the files of violated runs are left")
    return parser


def _seeds(given: argparse.Namespace) -> list[int]:
    if given.seed is not None:
        return [given.seed]
    first = secrets.randbelow(900_000) + 100_000 if given.first is None else given.first
    return list(range(first, first + given.runs))


async def _all(given: argparse.Namespace, mount: bool) -> int:
    from tests.chaos import clock
    from tests.chaos.recording_ca import Issuing
    from tests.chaos.postgresql import Postgresql
    from tests.chaos.run import run
    from tests.chaos.scenario import draw
    from tests.chaos.checks import KEY, QUOTA, REPORT, WRONG

    logging.getLogger("temporalio").setLevel(logging.ERROR)
    _say(f"full disk: {'a small file system' if mount else 'RLIMIT_FSIZE: no mount is allowed'}")
    _say(f"clock jumps: {'by' if clock.library() else 'none, there is no'} libfaketime")
    ca, counts, began = Issuing("chaos"), Counter[str](), time.monotonic()
    postgresql: Postgresql | None = None
    seeds = _seeds(given)
    try:
        for seed in seeds:
            scenario = draw(seed)
            _say(f"seed {seed}: {scenario.describe()}")
            if scenario.postgresql and postgresql is None:
                postgresql = Postgresql()
            try:
                result = await run(scenario, ca, postgresql, mount=mount, keep=given.keep)
            except Exception:  # noqa: BLE001 - one run that breaks off must not hide the others
                traceback.print_exc()
                counts[BROKEN] += 1
                _say(f"  BROKEN OFF (seed {seed}): the run itself failed, see above")
                continue
            for note in result.notes:
                _say(f"    {note}")
            for violation in result.violations:
                counts[violation.kind] += 1
            for violation in result.violations[:MOST_SHOWN]:
                _say(f"  VIOLATED (seed {seed}) {violation.kind}: {violation.text}")
            _say(f"  {result.seconds:.0f} s, {len(result.violations)} violations")
    finally:
        if postgresql is not None:
            postgresql.close()
    _say(
        f"{len(seeds)} runs in {time.monotonic() - began:.0f} s: {counts[WRONG]} left wrong, "
        f"{counts[REPORT]} reported wrongly, {counts[KEY]} keys found, {counts[QUOTA]} quota lost"
        + (f", {counts[BROKEN]} runs broken off" if counts[BROKEN] else "")
    )
    return 1 if counts else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
