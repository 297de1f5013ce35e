"""A worker whose clock jumps: its calls for the time are answered by libfaketime, if it is here."""

import importlib.util
from pathlib import Path


def library() -> Path | None:
    """What is preloaded; None where the package is not installed, or is not for this machine."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "vendor" / "libfaketime" / "src"
    made = folder / "libfaketime.so.1"
    return made if made.is_file() else None


class Clock:
    """What a process started with `env` takes for the time of day; its other clocks stay true."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jump(0)

    @property
    def env(self) -> dict[str, str]:
        """To start a process with."""
        preloaded = library()
        if preloaded is None:
            return {}
        return {
            "LD_PRELOAD": str(preloaded),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; without it each call reads the file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        """From now on it is so much before (negative) or behind the true time."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)
