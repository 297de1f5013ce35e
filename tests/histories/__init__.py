"""Saved histories of tasks, for replay; `python -m tests.histories` records them."""

from pathlib import Path

FOLDER = Path(__file__).parent
