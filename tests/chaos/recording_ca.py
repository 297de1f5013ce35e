"""A CA that records each leaf that it issues: `key_search` looks for their keys."""

from typing import Any

from tests.support.factory import CA, Leaf


class RecordingCA(CA):
    """`leaves` holds the leaves issued since the last `clear`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.leaves: list[Leaf] = []

    def leaf(self, *names: Any, **options: Any) -> Leaf:
        issued = super().leaf(*names, **options)
        self.leaves.append(issued)
        return issued

    def clear(self) -> None:
        self.leaves = []
