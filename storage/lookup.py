"""Builds the errors of a look-up by name, with similar names. All stores of storage use it."""

from collections.abc import Iterable
from difflib import get_close_matches

from domain.errors import BadInput


def build_unknown_error(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """No `kind` ("certificate") has this name. The code is "unknown-<kind>"."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        fix = f"Did you mean {' or '.join(near)}?"
    elif names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        fix = f"There are: {', '.join(names[:5])}{more}."
    else:
        fix = f"There is no {kind} yet."
    return BadInput(f"there is no {kind} {name!r}", fix=fix, code=f"unknown-{kind}")


def build_ambiguous_error(kind: str, name: str, found: Iterable[str]) -> BadInput:
    """Several of `kind` begin with `name`. The code is "ambiguous-<kind>"."""
    names = ", ".join(sorted(found)[:5])
    return BadInput(
        f"{name!r} begins more than one {kind}: {names}",
        fix="Give more of it.",
        code=f"ambiguous-{kind}",
    )
