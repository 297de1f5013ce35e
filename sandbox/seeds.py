"""A seed of any size: resources of all services, in the same places under the same names each time.

The names lie under <service>.example.com, those of a second account under
<service>.b.example.com, and tell the kind of the certificate that they have:
ec-000.cdn.example.com, rsa-001.cdn.example.com, *.wild-002.cdn.example.com. The certificates come
from an authority made on the spot, so they are new ones each time, and end one after the other,
the first in a week.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import zip_longest
from string import ascii_lowercase
from typing import Any, NamedTuple, TypeVar

from sandbox.authority import Authority
from sandbox.options import Account

MOST = 200_000
FIRST_END, DAYS_OF_ENDS = 7, 53
KINDS = ("ec", "rsa", "wild")
ELSEWHERE = "cn-shanghai"
ENVIRONMENTS = ("prod", "staging", "test")
DOMAINS_PER_GATEWAY = 10
LISTENERS_PER_ACCELERATOR = 2

Json = dict[str, Any]
T = TypeVar("T")


class Place(NamedTuple):
    """One kind of place for a certificate. `ending` tells it from others of the same service."""

    service: str
    ending: str = ""


# Additional certificates follow the default ones that they stand beside.
PLACES = (
    Place("cdn"),
    Place("dcdn"),
    Place("oss"),
    Place("clb"),
    Place("clb", "-sni"),
    Place("alb"),
    Place("alb", "-sni"),
    Place("nlb"),
    Place("nlb", "-sni"),
    Place("ga"),
    Place("ga", "-sni"),
    Place("waf"),
    Place("ddos"),
    Place("function_compute"),
    Place("function_compute", "-v2"),
    Place("mse"),
    Place("api_gateway"),
    Place("apig"),
    Place("eas"),
    Place("sae"),
    Place("sae", "-sni"),
    Place("sae", "-clb"),
)


class Slot(NamedTuple):
    """One certificate in its place; `region` is where, for services that have regions.

    `number` is the place's among its own kind, of which no other account has the same.
    """

    name: str
    region: str
    certificate: dict[str, str]
    number: str


Slots = Callable[..., list[Slot]]


def seeds_of(number: int, accounts: Sequence[Account]) -> list[Json]:
    """A seed of so many resources, in equal parts for these accounts, each with names of its own.

    Raises ValueError where the number is none that a sandbox can hold.
    """
    if not len(accounts) <= number <= MOST:
        raise ValueError(f"a scale is between {len(accounts)} and {MOST} resources")
    each, left = divmod(number, len(accounts))
    seeds = []
    for index, (account, letter) in enumerate(zip(accounts, ascii_lowercase, strict=False)):
        zone = f"{letter}.example.com" if index else "example.com"
        part = seed_of(each + (index < left), account.region, zone)
        seeds += [{"account": account.access_key_id, **entry} for entry in part]
    return seeds


def seed_of(number: int, home: str, zone: str = "example.com") -> list[Json]:
    """A seed of so many resources below `zone` for an account whose own region is `home`.

    Raises ValueError where the number is none that a sandbox can hold.
    """
    if not 1 <= number <= MOST:
        raise ValueError(f"a scale is between 1 and {MOST} resources")
    authority = Authority("Practice scale")
    each, left = divmod(number, len(PLACES))
    made = {
        place: [
            _slot(authority, place, index, at, home, zone) for at in range(each + (index < left))
        ]
        for index, place in enumerate(PLACES)
    }

    def slots(service: str, ending: str = "") -> list[Slot]:
        return made[Place(service, ending)]

    return [entry(slots) for entry in ENTRIES]


def _slot(authority: Authority, place: Place, index: int, at: int, home: str, within: str) -> Slot:
    """What follows one another has certificates of different kinds, also on one listener."""
    kind = KINDS[(index + at) % len(KINDS)]
    zone = f"{place.service.replace('_', '-')}.{within}"
    name = covered = f"{kind}-{at:03}{place.ending}.{zone}"
    if kind == "wild" and place.service == "eas":
        covered = f"*.{zone}"  # its gateways have no domains with a wildcard
    elif kind == "wild":
        name = covered = f"*.{name}"
    valid = timedelta(days=FIRST_END + at % DAYS_OF_ENDS)
    certificate = authority.issue([covered], "rsa" if kind == "rsa" else "ec", valid)
    letter = within.removesuffix("example.com").replace(".", "-")
    return Slot(name, home if at % 2 == 0 else ELSEWHERE, certificate, f"{letter}{at:03}")


def _domains(service: str) -> Callable[[Slots], Json]:
    """Domains that are no region's own; a wildcard is written .example.com."""

    def entry(slots: Slots) -> Json:
        rows = [
            {"name": one.name.removeprefix("*"), "certificate": one.certificate}
            for one in slots(service)
        ]
        return {"service": service, "domains": rows}

    return entry


def _oss(slots: Slots) -> Json:
    buckets = []
    for one in slots("oss"):
        wildcard = one.name.startswith("*.")
        cname = {"domain": one.name.removeprefix("*."), "wildcard": wildcard}
        cnames = [{**cname, "certificate": one.certificate}]
        buckets.append({"name": f"scale-{one.number}", "region": one.region, "cnames": cnames})
    return {"service": "oss", "buckets": buckets}


def _clb(slots: Slots) -> Json:
    listeners = []
    for one, more in _beside(slots, "clb"):
        listener = {"load_balancer": f"lb-scale-{one.number}", **_regional(one), **_tags(one)}
        listeners.append({**listener, "domains": {more.name: more.certificate} if more else {}})
    return {"service": "clb", "listeners": listeners}


def _load_balancers(service: str) -> Callable[[Slots], Json]:
    def entry(slots: Slots) -> Json:
        listeners = []
        for one, more in _beside(slots, service):
            ids = {
                "id": f"lsn-{service}-{one.number}",
                "load_balancer": f"{service}-scale-{one.number}",
            }
            additional = [more.certificate] if more else []
            listeners.append({**ids, **_regional(one), **_tags(one), "additional": additional})
        return {"service": service, "listeners": listeners}

    return entry


def _ga(slots: Slots) -> Json:
    listeners: list[Json] = []
    for at, (one, more) in enumerate(_beside(slots, "ga")):
        additional = [{"domain": more.name, "certificate": more.certificate}] if more else []
        ids = {"id": f"lsr-scale-{one.number}", "port": 443 + at % LISTENERS_PER_ACCELERATOR}
        listeners.append({**ids, "certificate": one.certificate, "additional": additional})
    accelerators = [
        {"id": group[0]["id"].replace("lsr", "ga"), "listeners": group, **_tags(slots("ga")[at])}
        for at, group in enumerate(_in_groups(listeners, LISTENERS_PER_ACCELERATOR))
    ]
    return {"service": "ga", "accelerators": accelerators}


def _waf(slots: Slots) -> Json:
    """The first place is the default certificate of the whole instance."""
    domains = [
        {"name": one.name if at else "default", "certificate": one.certificate}
        for at, one in enumerate(slots("waf"))
    ]
    return {"service": "waf", "domains": domains}


def _ddos(slots: Slots) -> Json:
    rules = [{"name": one.name, "certificate": one.certificate} for one in slots("ddos")]
    return {"service": "ddos", "rules": rules}


def _function_compute(slots: Slots) -> Json:
    domains = [
        {"name": one.name, "version": version, **_regional(one)}
        for ending, version in (("", "3.0"), ("-v2", "2.0"))
        for one in slots("function_compute", ending)
    ]
    return {"service": "function_compute", "domains": domains}


def _apig(slots: Slots) -> Json:
    domains = [{"name": one.name, **_regional(one)} for one in slots("apig")]
    return {"service": "apig", "domains": domains}


def _gateways(service: str, groups: str) -> Callable[[Slots], Json]:
    """Gateways, or groups of them, with up to ten domains each; every other one is elsewhere."""

    def entry(slots: Slots) -> Json:
        rows = []
        for at, some in enumerate(_in_groups(slots(service), DOMAINS_PER_GATEWAY)):
            domains = [{"name": one.name, "certificate": one.certificate} for one in some]
            ids = {"id": f"scale-{some[0].number}", "region": some[at % len(some)].region}
            rows.append({**ids, "domains": domains, **_tags(some[0])})
        return {"service": service, groups: rows}

    return entry


def _sae(slots: Slots) -> Json:
    routes = []
    for one, more in _beside(slots, "sae"):
        routes.append(_route("alb", [one, more] if more else [one]))
    routes += [_route("clb", [one]) for one in slots("sae", "-clb")]
    return {"service": "sae", "routes": routes}


def _route(kind: str, served: Sequence[Slot]) -> Json:
    return {
        "kind": kind,
        "load_balancer": f"{kind}-sae-{served[0].number}",
        "region": served[0].region,
        "domains": [one.name for one in served],
        "certificates": [one.certificate for one in served],
    }


def _beside(slots: Slots, service: str) -> list[tuple[Slot, Slot | None]]:
    """Each default certificate with the additional one beside it, as long as there are some."""
    return list(zip_longest(slots(service), slots(service, "-sni")))


def _in_groups(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _tags(one: Slot) -> Json:
    """One of three kinds in turn; products whose listings tell no tags pass it over."""
    return {"tags": {"env": ENVIRONMENTS[sum(map(ord, one.number)) % len(ENVIRONMENTS)]}}


def _regional(one: Slot) -> Json:
    return {"region": one.region, "certificate": one.certificate}


ENTRIES: tuple[Callable[[Slots], Json], ...] = (
    _domains("cdn"),
    _domains("dcdn"),
    _oss,
    _clb,
    _load_balancers("alb"),
    _load_balancers("nlb"),
    _ga,
    _waf,
    _ddos,
    _function_compute,
    _gateways("mse", "gateways"),
    _gateways("api_gateway", "groups"),
    _apig,
    _gateways("eas", "gateways"),
    _sae,
)
