"""What shall be deployed where: the options that `plan` and `task create` share."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from starter.output import metering

if TYPE_CHECKING:
    from domain.plan import Plan
    from storage.store import Store

Certificates = Annotated[
    list[str],
    typer.Option(
        "--certificate",
        "-c",
        metavar="NAME|FINGERPRINT",
        help="What to deploy; repeatable: each resource gets the one that fits it best.",
    ),
]
Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="NAME", help="Only resources of this account; repeatable."),
]
Services = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="SERVICE", help="All of it that match; repeatable."),
]
Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        metavar="RESOURCE",
        help="This one, by the name that the inventory shows, or its last part; repeatable.",
    ),
]
AllMatched = Annotated[
    bool,
    typer.Option(
        "--all-matched",
        help="All that match and serve one now; of --service if given.",
    ),
]
RequireCoverage = Annotated[
    bool,
    typer.Option(
        "--require-coverage",
        help="Refuse a change that takes a name from clients, instead of warning of it.",
    ),
]


def planned(
    store: "Store",
    certificates: Sequence[str],
    accounts: Sequence[str] | None,
    services: Sequence[str] | None,
    resources: Sequence[str] | None,
    *,
    all_matched: bool,
    require_coverage: bool,
    quiet: bool,
) -> "Plan":
    """The plan for these options; asks the clouds what they serve, and changes nothing there."""
    from activities.clouds import Clouds
    from activities.planning import make_plan
    from domain.planning import Wish

    wish = Wish(
        certificates=_fingerprints(store, certificates),
        accounts=tuple(store.accounts.get(name).name for name in accounts or ()),
        services=_known(services or ()),
        resources=tuple(resources or ()),
        # The narrower word counts: a service named beside it means all that match of this service.
        all_matched=all_matched and not services,
        require_coverage=require_coverage,
    )
    with metering("Reading what the resources serve", quiet=quiet):
        return make_plan(store, Clouds(store), wish, now=datetime.now(UTC))


def _fingerprints(store: "Store", certificates: Sequence[str]) -> tuple[str, ...]:
    found = [store.certificates.find(name) for name in certificates]
    return tuple(dict.fromkeys(certificate.fingerprint for certificate in found))


def _known(services: Sequence[str]) -> tuple[str, ...]:
    import connectors

    for service in services:
        connectors.load(service)
    return tuple(services)
