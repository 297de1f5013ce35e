"""Lets the clock of a worker jump, by libfaketime; `site` starts the worker with it."""

import importlib.util
from pathlib import Path


def find_library() -> Path | None:
    """The library to preload; None if it is not installed, or not built for this machine."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "vendor" / "libfaketime" / "src"
    library = folder / "libfaketime.so.1"
    return library if library.is_file() else None


class Clock:
    """The wall clock of a process that is started with `env`; its monotonic clock stays true."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_offset(0)

    @property
    def env(self) -> dict[str, str]:
        """The environment variables for the process."""
        preloaded = find_library()
        if preloaded is None:
            return {}
        return {
            "LD_PRELOAD": str(preloaded),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; without it each call reads the file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set_offset(self, seconds: int) -> None:
        """Set the clock this many seconds ahead of the true time; negative: behind it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)
