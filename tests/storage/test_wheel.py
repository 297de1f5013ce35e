"""Installed from a wheel, certroll still finds its migrations."""

import subprocess
import sys
import zipfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import sys
import storage
from storage.settings import Settings
from storage.store import Store
assert storage.__file__.startswith(sys.argv[1]), storage.__file__
Store.open(Settings(home=sys.argv[1] + "/home"), migrate=True).close()
"""


def test_a_wheel_brings_its_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    program = f"import sys; sys.path.insert(0, {str(installed)!r})\n{PROGRAM}"
    subprocess.run([sys.executable, "-c", program, str(installed)], cwd=tmp_path, check=True)
    assert (installed / "home" / "certroll.db").exists()
