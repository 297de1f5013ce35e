"""Faults of TLS edges: which server names get a wrong chain or an alert. The edges apply them."""

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Self
from zlib import crc32

KINDS = ("leaf_only", "wrong_chain", "refuse")


@dataclass(frozen=True)
class EdgeFault:
    """A fault for server names that match the glob `host`. The first match decides.

    Kinds: leaf_only (no intermediates), wrong_chain (the intermediates in `chain`), refuse (an
    alert). `share` is the part of the names that is hit, chosen by the name alone. `address`
    limits the fault to one edge, HOST:PORT.
    """

    kind: str
    host: str = "*"
    share: float = 1.0
    address: str = "*"
    chain: str = ""

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Self:
        """A fault from its JSON object; raises ValueError on what it does not know."""
        if unknown := data.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"an edge fault has no field {', '.join(sorted(unknown))}")
        if data.get("kind") not in KINDS:
            raise ValueError(f"the kind of an edge fault is one of {', '.join(KINDS)}")
        if (data["kind"] == "wrong_chain") is not bool(data.get("chain")):
            raise ValueError("only the kind wrong_chain takes a chain (PEM), and needs one")
        return cls(**data)

    def matches(self, host: str, address: str) -> bool:
        """Whether it applies to this name at this edge."""
        draw = crc32(host.encode()) % 10_000 / 10_000
        return (
            fnmatchcase(host, self.host)
            and fnmatchcase(address, self.address)
            and draw < self.share
        )
