"""Decides which of a listener's additional certificates belongs to which slot. Pure.

The connectors of ALB, NLB and SAE call it. The services have no slots: a certificate is chosen by
its host names. A slot is named after the first name of its certificate. It records which
certificate it had when it was found, and which others its listener had then.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

from domain.certificates.hostnames import covers_all
from domain.resources.resource import Resource

GetNames = Callable[[str], tuple[str, ...]]
"""The host names of a certificate by its identifier; none if the store does not know it."""


class AdditionalSlot(NamedTuple):
    """One slot as it was found. `beside` are the other identifiers on its listener."""

    name: str
    former: str
    beside: frozenset[str]
    domains: tuple[str, ...]

    @classmethod
    def from_resource(cls, resource: Resource) -> Self:
        """Reads what `to_detail` wrote."""
        return cls(
            name=resource.key.rpartition("/")[2],
            former=resource.detail["certificate"],
            beside=frozenset(resource.detail["beside"].split(",")) - {""},
            domains=resource.domains,
        )

    def to_detail(self) -> dict[str, str]:
        """The detail of a resource that records this slot."""
        return {"certificate": self.former, "beside": ",".join(sorted(self.beside))}


def build_slots(added: Sequence[str], names: GetNames) -> list[AdditionalSlot]:
    """The slots of a listener. Certificates with the same first name share one slot."""
    groups: dict[str, list[str]] = {}
    for identifier in added:
        groups.setdefault(_get_slot_name(identifier, names), []).append(identifier)
    found = []
    for called, group in groups.items():
        newest = max(group, key=parse_number)
        found.append(AdditionalSlot(called, newest, frozenset(added) - set(group), names(newest)))
    return found


def find_current(slot: AdditionalSlot, added: Sequence[str], names: GetNames) -> str | None:
    """The slot's certificate among the present ones; None if none covers its names.

    First choice: the one that was found, or a newer one with the same first name. Second: one that
    was added since and covers all names of the slot. Last: any that covers them.
    """
    same = [i for i in added if i == slot.former or _get_slot_name(i, names) == slot.name]
    able = [i for i in added if slot.domains and covers_all(names(i), slot.domains)]
    for group in (same, [i for i in able if i not in slot.beside], able):
        if group:
            return max(group, key=lambda i: (set(slot.domains) <= set(names(i)), parse_number(i)))
    return None


def may_remove(slot: AdditionalSlot, old: str, added: Sequence[str], names: GetNames) -> bool:
    """Whether `old` may be removed for this slot.

    False for a certificate of another slot, and for one that now serves the names of such a one.
    """
    if old in slot.beside:
        return False
    staying = [name for one in added if one != old for name in names(one)]
    orphans = [name for gone in slot.beside.difference(added) for name in names(gone)]
    return all(
        covers_all(staying, [name]) or not covers_all(names(old), [name]) for name in orphans
    )


def parse_number(identifier: str) -> int:
    """The store's own growing number: 123 of "123-cn-hangzhou"."""
    text = identifier.partition("-")[0]
    return int(text) if text.isdecimal() else 0


def _get_slot_name(identifier: str, names: GetNames) -> str:
    found = names(identifier)
    return found[0] if found else identifier
