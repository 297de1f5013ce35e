"""Decides which certificate a new one replaces, what it is called and what its policy does."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from domain.certificates.certificate import LONGEST_NAME, Certificate
from domain.certificates.coverage import list_uncovered_names
from domain.errors import BadInput
from domain.model import Value

LONGEST_ROLLBACK_DAYS = 365
DIGITS = 8  # of a fingerprint, to tell two certificates of one day apart

Links = Mapping[str, str]
"""Which certificate replaces which: the fingerprint of the new one to that of the old one."""


class RenewalMode(StrEnum):
    """What happens once a certificate has a successor: nothing, a saved plan, or a task."""

    MANUAL = "manual"
    PROPOSE = "propose"
    AUTOMATIC = "automatic"


class RenewalPolicy(Value):
    """What to do once a certificate has a successor; the successor inherits the policy.

    It applies only to resources of these accounts and services; if none are listed, to all. The
    task notifies `contacts` and can be rolled back for `rollback_days` after it began.
    """

    mode: RenewalMode = RenewalMode.MANUAL
    contacts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    rollback_days: int = Field(default=30, ge=0, le=LONGEST_ROLLBACK_DAYS)


class RenewalSettings(Value):
    """Of a stored certificate: the fingerprint of the one that it replaces, and its policy."""

    replaces: str | None = None
    policy: RenewalPolicy = RenewalPolicy()


def is_renewal_of(new: Certificate, old: Certificate) -> bool:
    """Whether `new` obviously renews `old`, so that nobody needs to say it.

    It has the same names and addresses and the same kind of key, and expires later. A certificate
    with another kind of key may be meant to serve beside the old one, for clients that know only
    one kind.
    """
    return (
        new.fingerprint != old.fingerprint
        and new.algorithm is old.algorithm
        and new.not_after > old.not_after
        and set(new.names) == set(old.names)
        and set(new.addresses) == set(old.addresses)
    )


def list_predecessor_candidates(
    new: Certificate, stored: Iterable[Certificate], links: Links
) -> tuple[Certificate, ...]:
    """The stored certificates that `new` renews and that have no other successor, by name."""
    replaced = {old for successor, old in links.items() if successor != new.fingerprint}
    fit = (each for each in stored if is_renewal_of(new, each) and each.fingerprint not in replaced)
    return tuple(sorted(fit, key=lambda each: each.name))


def choose_predecessor(new: Certificate, fit: Collection[Certificate]) -> Certificate | None:
    """The only candidate, or None if there is none; raises BadInput if there are several."""
    if len(fit) > 1:
        listed = ", ".join(f"{each.name} ({each.short_fingerprint})" for each in fit)
        raise BadInput(
            f"{new.name!r} could replace each of {len(fit)} certificates: {listed}",
            where="--replaces",
            fix="Give the name of one of them, or none.",
            code="several-predecessors",
        )
    return next(iter(fit), None)


def find_newest(fingerprint: str, links: Links) -> str:
    """The last in the line of its successors; itself if it has none."""
    successors = {old: new for new, old in links.items()}
    return list(_follow(fingerprint, successors))[-1]


def list_predecessors(fingerprint: str, links: Links) -> tuple[str, ...]:
    """All that it replaces, directly or not, nearest first."""
    return tuple(_follow(fingerprint, links))[1:]


def _follow(start: str, links: Links) -> Iterator[str]:
    """Yield `start` and each fingerprint that the links lead to; a circle ends after one turn."""
    seen: set[str] = set()
    at: str | None = start
    while at is not None and at not in seen:
        yield at
        seen.add(at)
        at = links.get(at)


def build_successor_name(name: str, new: Certificate, taken: Collection[str]) -> str:
    """A free name for a certificate whose own name is taken: the day of its issue is appended.

    If that is taken too, the beginning of the fingerprint is appended as well. The same certificate
    always gets the same name.
    """
    day = f"-{new.not_before:%Y-%m-%d}"
    dated = _append(name, day)
    return dated if dated not in taken else _append(name, f"{day}-{new.fingerprint[:DIGITS]}")


def _append(name: str, ending: str) -> str:
    return name[: LONGEST_NAME - len(ending)].rstrip() + ending


def list_lost_names(new: Certificate, old: Certificate) -> tuple[str, ...]:
    """The names and addresses that the old certificate covers and the new one does not."""
    addresses = (each for each in old.addresses if each not in new.addresses)
    return (*list_uncovered_names(old.names, new.names), *addresses)
