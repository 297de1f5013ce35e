"""The demonstration runs to its end with the real commands, and leaves nothing running."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

ENV = {name: value for name, value in os.environ.items() if not name.startswith("CERTROLL_")}


def test_the_demo_ends_well_and_leaves_nothing_running(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "starter.cli", "demo"],
        env={**ENV, "TMPDIR": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every domain serves again what it served before." in done.stdout
    assert "IllegalOperation: The domain is locked" in done.stdout
    assert "rolled back (" in done.stdout or "rolled back" in done.stdout
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
    assert _list_processes(tmp_path) == []


def _list_processes(folder: Path) -> list[str]:
    """Processes that were started with this folder anywhere in their words or environment."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if any(str(folder) in word for word in words):
            found.append(" ".join(process.cmdline()))
    return found
