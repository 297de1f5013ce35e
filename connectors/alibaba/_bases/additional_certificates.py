"""Which of a listener's additional certificates belongs to which slot. Pure.

Nothing in the services says it: a certificate is picked by the names in it. A slot is called by
the first name of its certificate. It remembers which certificate that was when it was found, and
which others stood beside it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from domain.certificates.hostnames import covers_all
from domain.resources.resource import Resource

Names = Callable[[str], tuple[str, ...]]
"""The host names in a certificate, by its identifier; none where the store does not know it."""


class Slot(NamedTuple):
    """One slot as it was found; `beside` are the identifiers of the others on its listener."""

    called: str
    former: str
    beside: frozenset[str]
    domains: tuple[str, ...]

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """What `ids` wrote down."""
        return cls(
            called=resource.key.rpartition("/")[2],
            former=resource.detail["certificate"],
            beside=frozenset(resource.detail["beside"].split(",")) - {""},
            domains=resource.domains,
        )

    def ids(self) -> dict[str, str]:
        """What a resource remembers of it."""
        return {"certificate": self.former, "beside": ",".join(sorted(self.beside))}


def slots(added: Sequence[str], names: Names) -> list[Slot]:
    """The slots of a listener. Two certificates called alike are one, at most one of them new."""
    groups: dict[str, list[str]] = {}
    for identifier in added:
        groups.setdefault(_called(identifier, names), []).append(identifier)
    found = []
    for called, group in groups.items():
        newest = max(group, key=number)
        found.append(Slot(called, newest, frozenset(added) - set(group), names(newest)))
    return found


def current(slot: Slot, added: Sequence[str], names: Names) -> str | None:
    """The slot's certificate among those that are there now; None where none is for its names.

    The one that was found at first, or a newer one called by the same name; else one that came
    since and covers all the slot's names; else any that covers them.
    """
    same = [i for i in added if i == slot.former or _called(i, names) == slot.called]
    able = [i for i in added if slot.domains and covers_all(names(i), slot.domains)]
    for group in (same, [i for i in able if i not in slot.beside], able):
        if group:
            return max(group, key=lambda i: (set(slot.domains) <= set(names(i)), number(i)))
    return None


def may_go(slot: Slot, old: str, added: Sequence[str], names: Names) -> bool:
    """Whether `old` is the slot's alone to remove.

    Not what stood beside it for other names, nor what has taken over for such a one since.
    """
    if old in slot.beside:
        return False
    staying = [name for one in added if one != old for name in names(one)]
    orphans = [name for gone in slot.beside.difference(added) for name in names(gone)]
    return all(
        covers_all(staying, [name]) or not covers_all(names(old), [name]) for name in orphans
    )


def number(identifier: str) -> int:
    """The store's own number, which grows: of 123-cn-hangzhou 123."""
    text = identifier.partition("-")[0]
    return int(text) if text.isdecimal() else 0


def _called(identifier: str, names: Names) -> str:
    found = names(identifier)
    return found[0] if found else identifier
