"""Compares what a tool claims after a run with what the endpoints serve."""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple


@dataclass(frozen=True)
class Claims:
    """What a tool reports at its end, and its cost.

    `by_code` are the names whose exit code was 0, `by_word` those that it says in its own words to
    have deployed: a line of its log, an outcome. `calls` counts calls to the cloud.
    """

    by_code: frozenset[str]
    by_word: frozenset[str]
    seconds: float
    calls: int


@dataclass(frozen=True)
class Verdict:
    """Counts of names; seconds and calls are the cost."""

    wrong: int  # do not serve the new certificate though they should
    wrong_by_code: int  # of these, those whose exit code was 0
    wrong_by_word: int  # of these, those that are said to be deployed
    unclaimed: int  # serve it, and are not said to
    seconds: float
    calls: int


class Key(NamedTuple):
    """One run: the scenario's name, the tool's, and the seed."""

    scenario: str
    tool: str
    seed: int


class Spread(NamedTuple):
    """Median, minimum and maximum of several measurements."""

    middle: float
    least: float
    most: float


def compare(names: Collection[str], right: Collection[str], claims: Claims) -> Verdict:
    """Compares the claims with the names that serve the wanted certificate."""
    wrong = set(names) - set(right)
    return Verdict(
        wrong=len(wrong),
        wrong_by_code=len(wrong & claims.by_code),
        wrong_by_word=len(wrong & claims.by_word),
        unclaimed=len(set(right) - claims.by_word),
        seconds=claims.seconds,
        calls=claims.calls,
    )


def compute_spread(values: Collection[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(median(values), min(values), max(values))


def read(path: Path | None) -> dict[Key, Verdict]:
    """Reads earlier results; none if there is no such file."""
    if path is None or not path.exists():
        return {}
    rows = map(json.loads, path.read_text().splitlines())
    return {Key(*row["key"]): Verdict(**row["verdict"]) for row in rows}


def write(path: Path | None, results: Mapping[Key, Verdict]) -> None:
    """Writes one line of JSON for each result; nothing without a path."""
    if path is not None:
        rows = [{"key": key, "verdict": asdict(each)} for key, each in results.items()]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
