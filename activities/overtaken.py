"""Two attempts at one walk: the one that was overtaken stops, and changes nothing."""

from domain.errors import Transient
from domain.sync import WalkRecord

CODE = "AnotherWalk"


def ours(before: WalkRecord, after: WalkRecord | None) -> WalkRecord:
    """Where our walk stands now; raises Transient where another one has begun meanwhile."""
    if after is None:
        raise Transient(
            f"another walk through {before.service} of {before.account} has begun meanwhile",
            code=CODE,
            advice="Look: certroll inventory status",
        )
    return after
