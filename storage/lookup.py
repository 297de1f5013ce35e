"""Finding by name: what to tell a person whose word fits nothing, or fits too much."""

from collections.abc import Iterable
from difflib import get_close_matches

from domain.errors import BadInput


def unknown(kind: str, asked: str, known: Iterable[str]) -> BadInput:
    """No `kind` ("certificate") is called so; tells the nearest names, or those there are."""
    names = sorted(known)
    near = get_close_matches(asked, names, n=3, cutoff=0.5)
    if near:
        fix = f"Did you mean {' or '.join(near)}?"
    elif names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        fix = f"There are: {', '.join(names[:5])}{more}."
    else:
        fix = f"There is no {kind} yet."
    return BadInput(f"there is no {kind} {asked!r}", fix=fix)


def ambiguous(kind: str, asked: str, found: Iterable[str]) -> BadInput:
    """`asked` begins several."""
    names = ", ".join(sorted(found)[:5])
    return BadInput(f"{asked!r} begins more than one {kind}: {names}", fix="Give more of it.")
