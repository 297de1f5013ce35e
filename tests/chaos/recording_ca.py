"""An authority that remembers whose keys must be found nowhere."""

from typing import Any

from tests.support.factory import CA, Leaf


class Issuing(CA):
    """`leaves` are those issued since the last `forget`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.leaves: list[Leaf] = []

    def leaf(self, *names: Any, **options: Any) -> Leaf:
        """As any authority, and remembered."""
        issued = super().leaf(*names, **options)
        self.leaves.append(issued)
        return issued

    def forget(self) -> None:
        """Begins anew."""
        self.leaves = []
