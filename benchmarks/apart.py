"""Measures in a separate process, so that its memory is its own. Called by other benchmarks."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any


def measure_apart(module: str, size: int) -> dict[str, Any]:
    """The JSON that `python -m MODULE --one SIZE` prints."""
    command = [sys.executable, "-m", module, "--one", str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def get_peak_mib() -> float:
    """The largest resident set of this process in MiB.

    On Linux `ru_maxrss` includes that of the parent at the fork; VmHWM does not.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
