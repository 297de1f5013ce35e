"""Records each request as received, one JSON object a line, unredacted. The gateway calls it."""

import json
import os
from pathlib import Path

from sandbox.http import Request


class Recorder:
    """An append-only file (mode 0600); without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.fchmod(self._file, 0o600)  # the file may be older than this run

    def write(self, request: Request, status: int | None, at: float) -> None:
        """Append a request and the HTTP status it was answered with, None for no answer.

        `at` is when it arrived, in seconds since 1970.
        """
        if self._file is None:
            return
        line = {
            "at": at,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "backslashreplace"),
            "status": status,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Nothing is written after this."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
