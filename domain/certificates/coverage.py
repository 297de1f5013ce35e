"""Compares the names of two certificates (RFC 9525); plans and renewals show what would be lost."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from domain.certificates.hostnames import is_wildcard, to_canonical, to_wildcard


def list_uncovered_names(names: Sequence[str], by: Iterable[str]) -> tuple[str, ...]:
    """The `names` that no name in `by` covers: each once, in canonical form, in their order.

    Only the same wildcard covers a wildcard: "*.example.com" stands for countless hosts.
    """
    have = _normalize_all(tuple(by))
    wanted = dict.fromkeys(_normalize(name) for name in names)
    return tuple(name for name in wanted if name not in have and not _is_under_wildcard(name, have))


def list_names_not_included(new: Iterable[str], old: Iterable[str]) -> tuple[str, ...]:
    """The names in `old` that no name in `new` includes, by the rule of the load balancers.

    A new name includes an old one if it is the same, if it ends in it after a dot, or if it is a
    wildcard that covers it. So www.example.com and *.example.com include example.com, and
    *.example.com includes www.example.com. Only the same wildcard includes an old wildcard.
    """
    names = _normalize_all(tuple(new))
    return tuple(one for one in dict.fromkeys(old) if not _is_included(to_canonical(one), names))


def _is_included(old: str | None, names: frozenset[str]) -> bool:
    if old is None:
        return False
    ending = f".{old}"
    covered = old in names or _is_under_wildcard(old, names)
    return covered or any(name.endswith(ending) for name in names)


@lru_cache(maxsize=4096)
def _normalize_all(names: tuple[str, ...]) -> frozenset[str]:
    # Cached because a plan compares one certificate with what each of many resources serves.
    return frozenset(map(_normalize, names))


def _is_under_wildcard(name: str, have: Collection[str]) -> bool:
    return not is_wildcard(name) and "." in name and to_wildcard(name) in have


def _normalize(name: str) -> str:
    return to_canonical(name) or name.lower()
