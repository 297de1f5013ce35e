"""`certroll plan`: what a task would do, without doing any of it."""

from starter.commands._plans import facts, show_plan
from starter.commands._selection import (
    Accounts,
    AllMatched,
    Certificates,
    RequireCoverage,
    Resources,
    Services,
    planned,
)
from starter.commands._shared import Json, opened
from starter.output import show_json


def plan(
    certificate: Certificates,
    account: Accounts = None,
    service: Services = None,
    resource: Resources = None,
    all_matched: AllMatched = False,
    require_coverage: RequireCoverage = False,
    as_json: Json = False,
) -> None:
    """Shows what a task would change, what it costs, and what is refused and why.

    Nothing is touched: the clouds are only asked what their resources serve now. The digest names
    exactly this plan; `task create --digest` does that and nothing else. Ends with exit code 2
    when nothing would be changed.
    """
    from domain.planning import refuse_empty

    with opened() as (store, _):
        made = planned(
            store,
            certificate,
            account,
            service,
            resource,
            all_matched=all_matched,
            require_coverage=require_coverage,
            quiet=as_json,
        )
        certificates = [store.certificates.get(each) for each in made.certificates]
        balance = store.quota.balance()
    if as_json:
        show_json(facts(made, balance))
    else:
        show_plan(made, certificates, balance)
    refuse_empty(made)
