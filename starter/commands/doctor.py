"""`certroll doctor`: what is reachable, what is missing, how to fix it."""

from typing import Annotated

import typer

from starter.commands._shared import Json
from starter.exits import Code, Problem
from starter.output import note, show_json, show_table


def doctor(
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Also try each account at its provider.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Looks at everything that certroll needs, changes nothing, and says how to fix what is amiss.

    Ends with exit code 4 if something here is missing, with 3 if only accounts lack something.
    """
    from starter.commands._checks import everything

    findings = everything(accounts=accounts)
    if as_json:
        show_json([finding._asdict() for finding in findings])
    else:
        rows = [(f.what, "fine" if f.fine else "missing", f.detail) for f in findings]
        show_table(("WHAT", "STATE", "DETAIL"), rows)
        for finding in findings:
            if not finding.fine:
                note(f"{finding.what}: {finding.fix}")
    amiss = [finding for finding in findings if not finding.fine]
    if amiss:
        raise Problem(Code.CLOUD if all(each.at_provider for each in amiss) else Code.ENGINE)
