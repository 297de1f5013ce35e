"""Which names a change of certificates takes from clients, and which it adds (RFC 9525)."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from domain.certificates.hostnames import canonical, is_wildcard, wildcard_over


def uncovered(names: Sequence[str], by: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that none of `by` covers: each once, in canonical form, in their order.

    A wildcard is covered by the same wildcard alone: of "*.example.com" the hosts are countless.
    """
    have = _plain_set(tuple(by))
    wanted = dict.fromkeys(_plain(name) for name in names)
    return tuple(name for name in wanted if name not in have and not _under_wildcard(name, have))


def includes(new: str, old: str) -> bool:
    """Whether the name `new` is the same as `old` or includes it, as load balancers word it.

    For an old example.com: example.com, and every name that ends in it at a dot, so
    www.example.com and *.example.com. Besides, a wildcard that covers the old name includes it:
    *.example.com for an old www.example.com. An old wildcard is included by itself alone.
    """
    return not not_included((new,), (old,))


def not_included(new: Iterable[str], old: Iterable[str]) -> tuple[str, ...]:
    """Those of `old` that no name of `new` is the same as or includes."""
    names = _plain_set(tuple(new))
    return tuple(one for one in dict.fromkeys(old) if not _is_included(canonical(one), names))


def _is_included(old: str | None, names: frozenset[str]) -> bool:
    if old is None:
        return False
    ending = f".{old}"
    known = old in names or _under_wildcard(old, names)
    return known or any(name.endswith(ending) for name in names)


@lru_cache(maxsize=4096)
def _plain_set(names: tuple[str, ...]) -> frozenset[str]:
    """Kept, since one certificate is compared with what each of many resources serves."""
    return frozenset(map(_plain, names))


def _under_wildcard(name: str, have: Collection[str]) -> bool:
    return not is_wildcard(name) and "." in name and wildcard_over(name) in have


def _plain(name: str) -> str:
    return canonical(name) or name.lower()
