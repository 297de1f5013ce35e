"""Refuses words that the project has replaced; `make check` runs it over code, tests and docs.

docs/architecture.md, "Words", says what to write instead.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPLACED = {
    "told": "recorded, reported, shown",
    "untold": "unread",
    "wish": "plan request",
    "wishes": "plan requests",
    "borne": "allowed",
    "breach": "budget exceeded",
    "breached": "budget exceeded",
    "eyes": "prober",
    "way back": "rollback",
    "take back": "roll back",
    "takes back": "rolls back",
    "taken back": "rolled back",
    "unproven": "unverifiable",
}
"""What not to write, and what to write instead; in identifiers too."""

EXEMPT = {"docs/check_words.py", "LICENSE"}
ENDINGS = (".py", ".md", ".html", ".toml", ".yml")
_REPLACED = re.compile(rf"\b({'|'.join(REPLACED)})\b")


def find(text: str) -> list[tuple[int, str]]:
    """The replaced words of a text, each with the number of its line; identifiers are split."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]", " ", line).lower()
        found += [(number, word) for word in _REPLACED.findall(words)]
    return found


def main() -> int:
    """Prints each replaced word with its place; the exit code says whether there was one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    places = 0
    for name in sorted(set(listed.stdout.splitlines()) - EXEMPT):
        path = ROOT / name
        if not name.endswith(ENDINGS) or not path.exists():
            continue
        for number, word in find(path.read_text(errors="replace")):
            places += 1
            print(f"{name}:{number}: {word!r}: write {REPLACED[word]!r}")
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
