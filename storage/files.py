"""Creates private files atomically: the database and the key file."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def create_private_file(path: Path, fill: Callable[[Path], None]) -> None:
    """Creates `path` with mode 0600, in a folder with mode 0700, unless it exists.

    `fill` writes the content to an empty draft file. If several processes call it at once, the
    first one to finish creates the file; nobody sees a half-written file. Raises `OSError`.
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
        pass  # another process was first
    finally:
        draft.unlink()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
