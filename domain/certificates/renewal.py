"""Renewal: which certificate a new one follows, what it is called, and what shall then be done."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from domain.certificates.certificate import LONGEST_NAME, Certificate
from domain.certificates.coverage import uncovered
from domain.errors import BadInput
from domain.model import Value

LONGEST_ROLLBACK_DAYS = 365
DIGITS = 8  # of a fingerprint, where a day alone does not tell two certificates apart

Links = Mapping[str, str]
"""Which certificate follows which: fingerprint of the successor to that of its predecessor."""


class Mode(StrEnum):
    """What becomes of a successor: nothing by itself, a saved plan, or a task."""

    MANUAL = "manual"
    PROPOSE = "propose"
    AUTOMATIC = "automatic"


class Policy(Value):
    """What shall be done once a certificate has a successor, which inherits it.

    Only resources of these accounts and services are thought of; without any, all are. `contacts`
    hear of the task, which may be taken back for so many days after it began.
    """

    mode: Mode = Mode.MANUAL
    contacts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    rollback_days: int = Field(default=30, ge=0, le=LONGEST_ROLLBACK_DAYS)


class Standing(Value):
    """A certificate among the others: the fingerprint that it follows, and its own policy."""

    replaces: str | None = None
    policy: Policy = Policy()


def may_follow(new: Certificate, old: Certificate) -> bool:
    """Whether `new` is so plainly the renewal of `old` that nobody needs to say it.

    It has the same names and addresses and a key of the same kind, and expires later. Another kind
    of key may be meant to serve beside the former one, and some clients know only the former.
    """
    return (
        new.fingerprint != old.fingerprint
        and new.algorithm is old.algorithm
        and new.not_after > old.not_after
        and set(new.names) == set(old.names)
        and set(new.addresses) == set(old.addresses)
    )


def candidates(
    new: Certificate, held: Iterable[Certificate], links: Links
) -> tuple[Certificate, ...]:
    """Those that `new` may follow and nothing else follows yet, by name."""
    followed = {old for successor, old in links.items() if successor != new.fingerprint}
    fit = (each for each in held if may_follow(new, each) and each.fingerprint not in followed)
    return tuple(sorted(fit, key=lambda each: each.name))


def the_only(new: Certificate, fit: Collection[Certificate]) -> Certificate | None:
    """The one candidate, or None without any; BadInput that lists them where there are several."""
    if len(fit) > 1:
        listed = ", ".join(f"{each.name} ({each.short})" for each in fit)
        raise BadInput(
            f"{new.name!r} could be the successor of {len(fit)} certificates: {listed}",
            where="--replaces",
            fix="Name the one that is meant, or none.",
        )
    return next(iter(fit), None)


def newest(fingerprint: str, links: Links) -> str:
    """The last of those that follow it, one after the other; itself if nothing does."""
    follower = {old: new for new, old in links.items()}
    return list(_walk(fingerprint, follower))[-1]


def ancestors(fingerprint: str, links: Links) -> tuple[str, ...]:
    """All that it follows, directly or not, the nearest first."""
    return tuple(_walk(fingerprint, links))[1:]


def _walk(start: str, steps: Links) -> Iterator[str]:
    """`start` and what each step leads to; a circle, which no upload makes, is walked once."""
    seen: set[str] = set()
    at: str | None = start
    while at is not None and at not in seen:
        yield at
        seen.add(at)
        at = steps.get(at)


def successor_name(name: str, new: Certificate, taken: Collection[str]) -> str:
    """A free name for a certificate whose own is taken: the day it was issued is added.

    The same certificate always gets the same one, however often it is asked for: where the day is
    taken too, the beginning of the fingerprint tells them apart.
    """
    day = f"-{new.not_before:%Y-%m-%d}"
    dated = _fitted(name, day)
    return dated if dated not in taken else _fitted(name, f"{day}-{new.fingerprint[:DIGITS]}")


def _fitted(name: str, ending: str) -> str:
    return name[: LONGEST_NAME - len(ending)].rstrip() + ending


def names_lost(new: Certificate, old: Certificate) -> tuple[str, ...]:
    """Names that the former covers and the successor does not, addresses included."""
    addresses = (each for each in old.addresses if each not in new.addresses)
    return (*uncovered(old.names, new.names), *addresses)
