"""Builds a seed of any size: resources of all services, with the same names each time.

The command line and `server` call it. The names are below <service>.example.com, those of a second
account below <service>.b.example.com. They name the kind of their certificate:
ec-000.cdn.example.com, rsa-001.cdn.example.com, *.wild-002.cdn.example.com. The certificates
come from a new authority each time. They expire one after the other, the first in a week.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import zip_longest
from string import ascii_lowercase
from typing import Any, NamedTuple, TypeVar

from sandbox.authority import Authority
from sandbox.options import SandboxAccount

MAX_RESOURCES = 200_000
FIRST_END, DAYS_OF_ENDS = 7, 53
CERTIFICATE_KINDS = ("ec", "rsa", "wild")
OTHER_REGION = "cn-shanghai"
ENVIRONMENTS = ("prod", "staging", "test")
DOMAINS_PER_GATEWAY = 10
LISTENERS_PER_ACCELERATOR = 2

Json = dict[str, Any]
T = TypeVar("T")


class SlotKind(NamedTuple):
    """One kind of slot. `ending` distinguishes kinds of the same service."""

    service: str
    ending: str = ""


# Additional certificates follow the default ones that they stand beside.
SLOT_KINDS = (
    SlotKind("cdn"),
    SlotKind("dcdn"),
    SlotKind("oss"),
    SlotKind("clb"),
    SlotKind("clb", "-sni"),
    SlotKind("alb"),
    SlotKind("alb", "-sni"),
    SlotKind("nlb"),
    SlotKind("nlb", "-sni"),
    SlotKind("ga"),
    SlotKind("ga", "-sni"),
    SlotKind("waf"),
    SlotKind("ddos"),
    SlotKind("function_compute"),
    SlotKind("function_compute", "-v2"),
    SlotKind("mse"),
    SlotKind("api_gateway"),
    SlotKind("apig"),
    SlotKind("eas"),
    SlotKind("sae"),
    SlotKind("sae", "-sni"),
    SlotKind("sae", "-clb"),
)


class SeedSlot(NamedTuple):
    """One slot with its certificate; `region` is used by services that have regions.

    `number` is unique among the slots of its kind, over all accounts.
    """

    name: str
    region: str
    certificate: dict[str, str]
    number: str


GetSlots = Callable[..., list[SeedSlot]]


def build_seeds(number: int, accounts: Sequence[SandboxAccount]) -> list[Json]:
    """A seed of `number` resources, in equal parts for these accounts, each with its own names.

    Raises ValueError if the number is out of range.
    """
    if not len(accounts) <= number <= MAX_RESOURCES:
        raise ValueError(f"a scale is between {len(accounts)} and {MAX_RESOURCES} resources")
    each, left = divmod(number, len(accounts))
    seeds = []
    for index, (account, letter) in enumerate(zip(accounts, ascii_lowercase, strict=False)):
        zone = f"{letter}.example.com" if index else "example.com"
        part = build_seed(each + (index < left), account.region, zone)
        seeds += [{"account": account.access_key_id, **entry} for entry in part]
    return seeds


def build_seed(number: int, home: str, zone: str = "example.com") -> list[Json]:
    """A seed of `number` resources below `zone` for an account whose own region is `home`.

    Raises ValueError if the number is out of range.
    """
    if not 1 <= number <= MAX_RESOURCES:
        raise ValueError(f"a scale is between 1 and {MAX_RESOURCES} resources")
    authority = Authority("Practice scale")
    each, left = divmod(number, len(SLOT_KINDS))
    built = {
        slot_kind: [
            _build_slot(authority, slot_kind, index, at, home, zone)
            for at in range(each + (index < left))
        ]
        for index, slot_kind in enumerate(SLOT_KINDS)
    }

    def slots(service: str, ending: str = "") -> list[SeedSlot]:
        return built[SlotKind(service, ending)]

    return [entry(slots) for entry in ENTRIES]


def _build_slot(
    authority: Authority, slot_kind: SlotKind, index: int, at: int, home: str, within: str
) -> SeedSlot:
    """Neighbours have certificates of different kinds, also on one listener."""
    kind = CERTIFICATE_KINDS[(index + at) % len(CERTIFICATE_KINDS)]
    zone = f"{slot_kind.service.replace('_', '-')}.{within}"
    name = covered = f"{kind}-{at:03}{slot_kind.ending}.{zone}"
    if kind == "wild" and slot_kind.service == "eas":
        covered = f"*.{zone}"  # its gateways have no wildcard domains
    elif kind == "wild":
        name = covered = f"*.{name}"
    valid = timedelta(days=FIRST_END + at % DAYS_OF_ENDS)
    certificate = authority.issue([covered], "rsa" if kind == "rsa" else "ec", valid)
    letter = within.removesuffix("example.com").replace(".", "-")
    return SeedSlot(name, home if at % 2 == 0 else OTHER_REGION, certificate, f"{letter}{at:03}")


def _build_domains(service: str) -> Callable[[GetSlots], Json]:
    """Domains without a region; a wildcard is written .example.com."""

    def entry(slots: GetSlots) -> Json:
        rows = [
            {"name": one.name.removeprefix("*"), "certificate": one.certificate}
            for one in slots(service)
        ]
        return {"service": service, "domains": rows}

    return entry


def _build_oss(slots: GetSlots) -> Json:
    buckets = []
    for one in slots("oss"):
        wildcard = one.name.startswith("*.")
        cname = {"domain": one.name.removeprefix("*."), "wildcard": wildcard}
        cnames = [{**cname, "certificate": one.certificate}]
        buckets.append({"name": f"scale-{one.number}", "region": one.region, "cnames": cnames})
    return {"service": "oss", "buckets": buckets}


def _build_clb(slots: GetSlots) -> Json:
    listeners = []
    for one, more in _pair_with_additional(slots, "clb"):
        listener = {
            "load_balancer": f"lb-scale-{one.number}",
            **_build_regional(one),
            **_build_tags(one),
        }
        listeners.append({**listener, "domains": {more.name: more.certificate} if more else {}})
    return {"service": "clb", "listeners": listeners}


def _build_load_balancers(service: str) -> Callable[[GetSlots], Json]:
    def entry(slots: GetSlots) -> Json:
        listeners = []
        for one, more in _pair_with_additional(slots, service):
            ids = {
                "id": f"lsn-{service}-{one.number}",
                "load_balancer": f"{service}-scale-{one.number}",
            }
            additional = [more.certificate] if more else []
            listeners.append(
                {**ids, **_build_regional(one), **_build_tags(one), "additional": additional}
            )
        return {"service": service, "listeners": listeners}

    return entry


def _build_ga(slots: GetSlots) -> Json:
    listeners: list[Json] = []
    for at, (one, more) in enumerate(_pair_with_additional(slots, "ga")):
        additional = [{"domain": more.name, "certificate": more.certificate}] if more else []
        ids = {"id": f"lsr-scale-{one.number}", "port": 443 + at % LISTENERS_PER_ACCELERATOR}
        listeners.append({**ids, "certificate": one.certificate, "additional": additional})
    accelerators = [
        {
            "id": group[0]["id"].replace("lsr", "ga"),
            "listeners": group,
            **_build_tags(slots("ga")[at]),
        }
        for at, group in enumerate(_split_into_groups(listeners, LISTENERS_PER_ACCELERATOR))
    ]
    return {"service": "ga", "accelerators": accelerators}


def _build_waf(slots: GetSlots) -> Json:
    """The first slot is the default certificate of the instance."""
    domains = [
        {"name": one.name if at else "default", "certificate": one.certificate}
        for at, one in enumerate(slots("waf"))
    ]
    return {"service": "waf", "domains": domains}


def _build_ddos(slots: GetSlots) -> Json:
    rules = [{"name": one.name, "certificate": one.certificate} for one in slots("ddos")]
    return {"service": "ddos", "rules": rules}


def _build_function_compute(slots: GetSlots) -> Json:
    domains = [
        {"name": one.name, "version": version, **_build_regional(one)}
        for ending, version in (("", "3.0"), ("-v2", "2.0"))
        for one in slots("function_compute", ending)
    ]
    return {"service": "function_compute", "domains": domains}


def _build_apig(slots: GetSlots) -> Json:
    domains = [{"name": one.name, **_build_regional(one)} for one in slots("apig")]
    return {"service": "apig", "domains": domains}


def _build_gateways(service: str, groups: str) -> Callable[[GetSlots], Json]:
    """Gateways, or groups of them, with up to ten domains each; every other one is elsewhere."""

    def entry(slots: GetSlots) -> Json:
        rows = []
        for at, some in enumerate(_split_into_groups(slots(service), DOMAINS_PER_GATEWAY)):
            domains = [{"name": one.name, "certificate": one.certificate} for one in some]
            ids = {"id": f"scale-{some[0].number}", "region": some[at % len(some)].region}
            rows.append({**ids, "domains": domains, **_build_tags(some[0])})
        return {"service": service, groups: rows}

    return entry


def _build_sae(slots: GetSlots) -> Json:
    routes = []
    for one, more in _pair_with_additional(slots, "sae"):
        routes.append(_build_route("alb", [one, more] if more else [one]))
    routes += [_build_route("clb", [one]) for one in slots("sae", "-clb")]
    return {"service": "sae", "routes": routes}


def _build_route(kind: str, served: Sequence[SeedSlot]) -> Json:
    return {
        "kind": kind,
        "load_balancer": f"{kind}-sae-{served[0].number}",
        "region": served[0].region,
        "domains": [one.name for one in served],
        "certificates": [one.certificate for one in served],
    }


def _pair_with_additional(slots: GetSlots, service: str) -> list[tuple[SeedSlot, SeedSlot | None]]:
    """Each default certificate with the additional one beside it, as long as there are some."""
    return list(zip_longest(slots(service), slots(service, "-sni")))


def _split_into_groups(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _build_tags(one: SeedSlot) -> Json:
    """One of three values in turn; products without tags in their listings ignore it."""
    return {"tags": {"env": ENVIRONMENTS[sum(map(ord, one.number)) % len(ENVIRONMENTS)]}}


def _build_regional(one: SeedSlot) -> Json:
    return {"region": one.region, "certificate": one.certificate}


ENTRIES: tuple[Callable[[GetSlots], Json], ...] = (
    _build_domains("cdn"),
    _build_domains("dcdn"),
    _build_oss,
    _build_clb,
    _build_load_balancers("alb"),
    _build_load_balancers("nlb"),
    _build_ga,
    _build_waf,
    _build_ddos,
    _build_function_compute,
    _build_gateways("mse", "gateways"),
    _build_gateways("api_gateway", "groups"),
    _build_apig,
    _build_gateways("eas", "gateways"),
    _build_sae,
)
