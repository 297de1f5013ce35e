"""Tables in memory whose changes are appended to a file, so that a killed sandbox can restart.

The file is a journal of JSON lines. It holds the private keys that the TLS edge needs, so only its
owner may read it (mode 0600). Without a path nothing is saved.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

R = TypeVar("R")


class Journal:
    """An append-only file of row changes; the last line of a row is its present state."""

    def __init__(self, path: Path | None) -> None:
        self._file: int | None = None
        self._tables: dict[str, dict[str, Any]] = {}
        if path is not None:
            self._replay(path)
            self._compact(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def get_rows(self, table: str) -> dict[str, Any]:
        """The rows of one table as they were when the file was opened."""
        return self._tables.get(table, {})

    def append(self, table: str, key: str, row: dict[str, Any] | None) -> None:
        """Records that a row has changed, or with None that it was deleted.

        One write call without fsync: it survives the end of this process, but perhaps not a power
        failure.
        """
        if self._file is not None:
            os.write(self._file, _build_line(table, key, row))

    def close(self) -> None:
        """Nothing is written after this."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _replay(self, path: Path) -> None:
        if not path.exists():
            return
        for line in path.read_text("utf-8").splitlines(keepends=True):
            if not line.endswith("\n"):
                break  # the write that was under way when the process was killed
            table, key, row = json.loads(line)
            rows = self._tables.setdefault(table, {})
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row

    def _compact(self, path: Path) -> None:
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for table, rows in self._tables.items():
                file.writelines(_build_line(table, key, row) for key, row in rows.items())
        fresh.replace(path)


def _build_line(table: str, key: str, row: dict[str, Any] | None) -> bytes:
    return json.dumps([table, key, row], separators=(",", ":")).encode() + b"\n"


class Table(Generic[R]):
    """Rows of one dataclass by key. A row that was changed in place is saved again."""

    def __init__(self, journal: Journal, name: str, row: type[R]) -> None:
        self._journal = journal
        self._name = name
        self._rows = {key: row(**fields) for key, fields in journal.get_rows(name).items()}

    def get(self, key: str) -> R | None:
        """The row, or None."""
        return self._rows.get(key)

    def save(self, key: str, row: R) -> None:
        """Saves the row as it is now."""
        self._rows[key] = row
        self._journal.append(self._name, key, vars(row))

    def delete(self, key: str) -> None:
        """Deletes the row."""
        del self._rows[key]
        self._journal.append(self._name, key, None)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)


@dataclass
class Counter:
    """A number that only grows, also over restarts."""

    value: int


class Counters:
    """Numbers for new ids, never used twice even if the row of one was deleted."""

    def __init__(self, journal: Journal) -> None:
        self._table = Table(journal, "counters", Counter)

    def next(self, name: str, first: int) -> int:
        """The next number of a series that starts at `first`."""
        counter = self._table.get(name) or Counter(first - 1)
        counter.value += 1
        self._table.save(name, counter)
        return counter.value
