"""Fills the disk of a site and frees it: a small file system in memory, if mounts are allowed.

Otherwise RLIMIT_FSIZE forbids the processes to write to files: nearly the same, but the error is
"file too large" instead of "no space left on device".
"""

import contextlib
import ctypes
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

SIZE = 256 * 2**20
_BALLAST = "ballast"
_CLONE_NEWNS = 0x00020000
_UNLIMITED = resource.RLIM_INFINITY


def unshare_mounts() -> bool:
    """Move this process into a mount namespace of its own; False if that is not allowed.

    Call it before any thread is started. The mounts are visible to this process and its children,
    and end with them.
    """
    if not sys.platform.startswith("linux"):
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return False
    return _run("mount", "--make-rprivate", "/")


class Disk:
    """The folder of a site, which is created; `mounted` if it is a file system of its own."""

    def __init__(self, folder: Path, *, mount: bool) -> None:
        self.folder, self.is_full = folder, False
        folder.mkdir(parents=True, mode=0o700)
        self.mounted = mount and _run(
            "mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "certroll-chaos", str(folder)
        )

    def fill(self, processes: Iterable[int]) -> None:
        """Leave no free byte for these processes."""
        self.is_full = True
        if not self.mounted:
            _limit(processes, 0)
            return
        with (self.folder / _BALLAST).open("wb", buffering=0) as ballast:
            free = os.statvfs(self.folder)
            with contextlib.suppress(OSError):
                os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize)
            _fill_up(ballast.fileno())

    def free(self, processes: Iterable[int]) -> None:
        self.is_full = False
        if self.mounted:
            (self.folder / _BALLAST).unlink(missing_ok=True)
        else:
            _limit(processes, _UNLIMITED)

    def close(self) -> None:
        """Unmount it; processes that still use it keep it until they end."""
        if self.mounted:
            _run("umount", "--lazy", str(self.folder))


def _fill_up(file: int) -> None:
    os.lseek(file, 0, os.SEEK_END)
    while True:
        try:
            os.write(file, bytes(4096))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                return
            raise


def _limit(processes: Iterable[int], size: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (min(size, hard), hard))


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
