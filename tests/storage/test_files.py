"""A private file appears whole, once."""

import stat
from pathlib import Path

import pytest

from storage.files import create_private_file


def write_first(draft: Path) -> None:
    draft.write_text("first")


def write_second(draft: Path) -> None:
    draft.write_text("second")


def test_a_file_is_created_private_and_only_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    create_private_file(path, write_first)
    create_private_file(path, write_second)
    assert path.read_text() == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_another_process_created_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def overtaken(draft: Path) -> None:
        draft.write_text("mine")
        path.write_text("theirs")

    create_private_file(path, overtaken)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        draft.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        create_private_file(tmp_path / "file", fail)
    assert list(tmp_path.iterdir()) == []
