"""What a plan lacks because a cloud did not answer: told, and never a success."""

from typing import TYPE_CHECKING

from starter.exits import Code, Problem
from starter.output import note

if TYPE_CHECKING:
    from domain.plan import Plan

MOST_TOLD = 5


def end_if_unread(plan: "Plan") -> None:
    """Ends with the code of a cloud's failure where resources were left out for want of an answer.

    What was made stays: a script has to learn that it is not all that was asked for.
    """
    left_out = plan.unread
    if not left_out:
        return
    for each in left_out[:MOST_TOLD]:
        note(f"left out: {each.subject}: {each.reason}")
    if len(left_out) > MOST_TOLD:
        note(f"and {len(left_out) - MOST_TOLD} more")
    note(f"{len(left_out)} resources are not part of this, since their cloud did not answer.")
    note("Make another plan for them once it does: certroll plan create.")
    raise Problem(Code.CLOUD)
