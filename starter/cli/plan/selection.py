"""What shall be deployed where: the options that `plan create` and `task create` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.terminal.output import Meter, metering, note

if TYPE_CHECKING:
    from domain.plans.plan import Plan
    from domain.plans.request import PlanRequest
    from operations.planning.bindings import Reading, Told
    from storage.store import Store

MOST_SILENT = 200
"""Resources to be read again; of more it is said how long that takes."""

SHORTEST_FINGERPRINT = 8

Certificates = Annotated[
    list[str] | None,
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
        "--all",
        help="All that match and serve one now; without -c with any valid one of the vault.",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", metavar="KEY[=VALUE]", help="Only what has this tag; repeated, all of them."
    ),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="GLOB",
        help="Only names (or last parts) like *.shop.example.com or api-*; repeatable.",
    ),
]
Issuers = Annotated[
    list[str] | None,
    typer.Option(
        "--issuer",
        metavar="TEXT",
        help="Only what serves one whose issuer's common name has this in it, in any case; with "
        "* or ? a pattern for all of it; repeatable.",
    ),
]
ExpiringBefore = Annotated[
    str | None,
    typer.Option(
        "--expiring-before",
        metavar="TIME",
        help='Only what serves one that ends before, e.g. 2026-12-01 or "in 14d".',
    ),
]
Serving = Annotated[
    list[str] | None,
    typer.Option(
        "--serving", metavar="NAME|FINGERPRINT", help="Only what serves this one now; repeatable."
    ),
]
RequireCoverage = Annotated[
    bool,
    typer.Option(
        "--require-coverage",
        help="Refuse a change that takes a name from clients, instead of warning of it.",
    ),
]

Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Read again what each resource serves, instead of taking it from the inventory.",
    ),
]


@dataclass(frozen=True)
class Selection:
    """The options themselves, once for all commands that take them (`sharing(Selection)`)."""

    certificate: Certificates = None
    account: Accounts = None
    service: Services = None
    resource: Resources = None
    all_matched: AllMatched = False
    tag: Tags = None
    host: Hosts = None
    issuer: Issuers = None
    expiring_before: ExpiringBefore = None
    serving: Serving = None
    require_coverage: RequireCoverage = False
    fresh: Fresh = False

    @property
    def is_given(self) -> bool:
        """Whether any of them was."""
        return any(vars(self).values())


def wished(store: "Store", chosen: Selection) -> "PlanRequest":
    """What these options ask for; BadInput for a name that is not known."""
    from domain.plans.filters import Filters
    from domain.plans.request import PlanRequest, check_wish

    wish = PlanRequest(
        certificates=_fingerprints(store, chosen.certificate or ()),
        accounts=tuple(store.accounts.get(name).name for name in chosen.account or ()),
        services=_known(chosen.service or ()),
        resources=tuple(chosen.resource or ()),
        all_matched=chosen.all_matched,
        require_coverage=chosen.require_coverage,
        tags=tuple(chosen.tag or ()),
        globs=tuple(chosen.host or ()),
        issuers=tuple(chosen.issuer or ()),
        expiring_before=_time(chosen.expiring_before),
        serving=tuple(_served(store, each) for each in chosen.serving or ()),
    )
    check_wish(wish)
    Filters(wish)  # before anything is synced for a pattern that is none
    return wish


def planned(store: "Store", wish: "PlanRequest", *, quiet: bool, fresh: bool = False) -> "Plan":
    """The plan for this wish, of what the inventory knows; changes nothing at the clouds.

    An inventory that is too old is synced first where that is possible, and told of where not.
    What is not known of a resource, or of none with `fresh`, is asked of its cloud.
    """
    from operations.planning.planner import make_plan
    from operations.runtime.connector_pool import Clouds
    from starter.cli.inventory.progress import freshen

    freshen(store, wish.accounts, wish.services, quiet=quiet)
    with metering("Reading what the resources serve", quiet=quiet) as meter:
        now = datetime.now(UTC)
        clouds, told = Clouds(store), telling(meter)
        return make_plan(store, clouds, wish, now=now, fresh=fresh, told=told)


def telling(meter: Meter) -> "Told":
    """Moves the bar; where much must be read, says first how much and how long that takes."""
    from domain.plans.estimate import duration

    def told(reading: "Reading") -> None:
        if reading.done == 0 and reading.total > MOST_SILENT:
            note(
                f"{reading.total} resources must be read again, about {duration(reading.seconds)} "
                "by the calls per second that their services allow."
            )
        meter(reading.done, reading.total, "")

    return told


def _fingerprints(store: "Store", certificates: Sequence[str]) -> tuple[str, ...]:
    found = [store.certificates.find(name) for name in certificates]
    return tuple(dict.fromkeys(certificate.fingerprint for certificate in found))


def _served(store: "Store", asked: str) -> str:
    """The fingerprint: of ours by name or its beginning, else of anything that is served."""
    from domain.errors import BadInput

    beginning = asked.strip().lower().replace(":", "")
    is_hex = len(beginning) >= SHORTEST_FINGERPRINT and set(beginning) <= set("0123456789abcdef")
    served = store.inventory.serving_like(beginning) if is_hex else []
    if len(served) == 1:
        return served[0]
    if served:
        raise BadInput(
            f"{asked!r} begins several fingerprints: {', '.join(each[:16] for each in served)}",
            where="--serving",
            fix="Give more digits of it.",
        )
    return store.certificates.find(asked).fingerprint


def _time(text: str | None) -> datetime | None:
    from starter.cli.terminal.times import parse_time

    return None if text is None else parse_time(text, datetime.now(UTC))


def _known(services: Sequence[str]) -> tuple[str, ...]:
    import connectors

    for service in services:
        connectors.load(service)
    return tuple(services)
