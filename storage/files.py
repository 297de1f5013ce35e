"""Private files that appear whole or not at all, whoever else makes them at the same time."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def create_once(path: Path, fill: Callable[[Path], None]) -> None:
    """Makes `path`, mode 0600 in a folder 0700, unless it is there; `OSError` if it cannot be.

    `fill` is given a draft, an empty file, to write to. Where several begin at once, the first to
    end wins, and nobody ever sees a half-written file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        fill(draft)
        _to_disk(draft)
        path.hardlink_to(draft)
        _to_disk(path.parent)
    except FileExistsError:
        pass  # another was first: its file counts
    finally:
        draft.unlink()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
