"""Measuring in a process of its own, so that its memory is its own."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(module: str, size: int) -> dict[str, Any]:
    """What `python -m MODULE --one SIZE` prints, as JSON."""
    command = [sys.executable, "-m", module, "--one", str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def peak_mib() -> float:
    """The most that this process had at once, in MiB.

    Linux tells in `ru_maxrss` also what the parent had when it made this process: not so here.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
