"""Histories of tasks as the engine kept them; `python -m tests.histories` records them."""

from pathlib import Path

FOLDER = Path(__file__).parent
