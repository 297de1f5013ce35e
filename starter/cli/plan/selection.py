"""Options that select certificates and targets, and the plan that is built from them.

Called by `plan create`, `task create` and `task edit`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.terminal.output import Meter, note, show_progress

if TYPE_CHECKING:
    from domain.plans.plan import Plan
    from domain.plans.request import PlanRequest
    from operations.planning.bindings import ReadListener, ReadProgress
    from storage.store import Store

MAX_SILENT_READS = 200
"""If more resources must be read again, the command says how long that takes."""

MIN_FINGERPRINT_LENGTH = 8

Certificates = Annotated[
    list[str] | None,
    typer.Option(
        "--certificate",
        "-c",
        metavar="NAME|FINGERPRINT",
        help="What to deploy; repeatable. Each resource gets the certificate that fits it best.",
    ),
]
Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="NAME", help="Only resources of this account; repeatable."),
]
Services = Annotated[
    list[str] | None,
    typer.Option(
        "--service", metavar="SERVICE", help="All matching resources of this service; repeatable."
    ),
]
Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        metavar="RESOURCE",
        help="This resource: its id in the inventory, or the last part of it; repeatable.",
    ),
]
AllMatched = Annotated[
    bool,
    typer.Option(
        "--all-matched",
        "--all",
        help="All matching resources that serve a certificate now. Without -c, any valid "
        "certificate of the vault may be chosen.",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="KEY[=VALUE]",
        help="Only resources with this tag; repeatable, all must match.",
    ),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        metavar="GLOB",
        help="Only resources whose name matches, e.g. *.shop.example.com or api-*; repeatable.",
    ),
]
Issuers = Annotated[
    list[str] | None,
    typer.Option(
        "--issuer",
        metavar="TEXT",
        help="Only resources whose current certificate has this text in the common name of its "
        "issuer, ignoring case. With * or ? it is a pattern for the whole name; repeatable.",
    ),
]
ExpiringBefore = Annotated[
    str | None,
    typer.Option(
        "--expiring-before",
        metavar="TIME",
        help='Only resources whose certificate expires before, e.g. 2026-12-01 or "in 14d".',
    ),
]
Serving = Annotated[
    list[str] | None,
    typer.Option(
        "--serving",
        metavar="NAME|FINGERPRINT",
        help="Only resources that serve this certificate now; repeatable.",
    ),
]
RequireCoverage = Annotated[
    bool,
    typer.Option(
        "--require-coverage",
        help="Refuse a change that drops a served name, instead of only warning.",
    ),
]

Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Read what each resource serves now, instead of relying on the inventory.",
    ),
]


@dataclass(frozen=True)
class Selection:
    """The options, for all commands that take them (`with_options(Selection)`)."""

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
        """Whether any of the options was given."""
        return any(vars(self).values())


def build_plan_request(store: "Store", chosen: Selection) -> "PlanRequest":
    """Builds the plan request from the options. Raises BadInput for an unknown name."""
    from domain.plans.filters import Filters
    from domain.plans.request import PlanRequest, check_plan_request

    request = PlanRequest(
        certificates=_find_fingerprints(store, chosen.certificate or ()),
        accounts=tuple(store.accounts.get(name).name for name in chosen.account or ()),
        services=_check_services(chosen.service or ()),
        resources=tuple(chosen.resource or ()),
        all_matched=chosen.all_matched,
        require_coverage=chosen.require_coverage,
        tags=tuple(chosen.tag or ()),
        globs=tuple(chosen.host or ()),
        issuers=tuple(chosen.issuer or ()),
        expiring_before=_parse_optional_time(chosen.expiring_before),
        serving=tuple(_find_served(store, each) for each in chosen.serving or ()),
    )
    check_plan_request(request)
    Filters(request)  # a bad pattern is refused before anything is synced
    return request


def build_plan(
    store: "Store", request: "PlanRequest", *, quiet: bool, fresh: bool = False
) -> "Plan":
    """Builds the plan for a request from the inventory. Changes nothing at any provider.

    An outdated inventory is synced first if possible, else a note says so. Unknown bindings are
    read at the provider; with `fresh`, all of them are.
    """
    from operations.planning.planner import make_plan
    from operations.runtime.connector_pool import ConnectorPool
    from starter.cli.inventory.progress import sync_if_outdated

    sync_if_outdated(store, request.accounts, request.services, quiet=quiet)
    with show_progress("Reading what the resources serve", quiet=quiet) as meter:
        now = datetime.now(UTC)
        listener = build_read_listener(meter)
        return make_plan(
            store, ConnectorPool(store), request, now=now, fresh=fresh, listener=listener
        )


def build_read_listener(meter: Meter) -> "ReadListener":
    """Builds a listener that moves the bar. Before a long read, it says how long that takes."""
    from domain.plans.estimate import format_duration

    def listen(reading: "ReadProgress") -> None:
        if reading.read == 0 and reading.total > MAX_SILENT_READS:
            note(
                f"{reading.total} resources must be read again, about "
                f"{format_duration(reading.seconds)} at the rate limits of their services."
            )
        meter(reading.read, reading.total, "")

    return listen


def _find_fingerprints(store: "Store", certificates: Sequence[str]) -> tuple[str, ...]:
    found = [store.certificates.find(name) for name in certificates]
    return tuple(dict.fromkeys(certificate.fingerprint for certificate in found))


def _find_served(store: "Store", text: str) -> str:
    """Finds a fingerprint by its beginning among all served ones, else by name in the vault."""
    from domain.errors import BadInput

    beginning = text.strip().lower().replace(":", "")
    is_hex = len(beginning) >= MIN_FINGERPRINT_LENGTH and set(beginning) <= set("0123456789abcdef")
    served = store.inventory.find_fingerprints(beginning) if is_hex else []
    if len(served) == 1:
        return served[0]
    if served:
        raise BadInput(
            f"{text!r} matches several fingerprints: {', '.join(each[:16] for each in served)}",
            where="--serving",
            fix="Give more digits of the fingerprint.",
            code="ambiguous-fingerprint",
        )
    return store.certificates.find(text).fingerprint


def _parse_optional_time(text: str | None) -> datetime | None:
    from starter.cli.terminal.times import parse_time

    return None if text is None else parse_time(text, datetime.now(UTC))


def _check_services(services: Sequence[str]) -> tuple[str, ...]:
    import connectors

    for service in services:
        connectors.load_connector(service)
    return tuple(services)
