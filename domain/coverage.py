"""Which names a change of certificates takes from clients, and which it adds (RFC 9525)."""

from collections.abc import Iterable, Sequence

from domain.names import canonical, covers, is_wildcard, wildcard_over


def uncovered(names: Sequence[str], by: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that none of `by` covers: each once, in canonical form, in their order.

    A wildcard is covered by the same wildcard alone: of "*.example.com" the hosts are countless.
    """
    have = {_plain(name) for name in by}
    wanted = dict.fromkeys(_plain(name) for name in names)
    return tuple(name for name in wanted if name not in have and not _under_wildcard(name, have))


def includes(new: str, old: str) -> bool:
    """Whether the name `new` is the same as `old` or includes it, as load balancers word it.

    For an old example.com: example.com, and every name that ends in it at a dot, so
    www.example.com and *.example.com. Besides, a wildcard that covers the old name includes it:
    *.example.com for an old www.example.com. An old wildcard is included by itself alone.
    """
    newer, older = canonical(new), canonical(old)
    if newer is None or older is None:
        return False
    return newer.endswith(f".{older}") or covers(newer, older)


def not_included(new: Iterable[str], old: Iterable[str]) -> tuple[str, ...]:
    """Those of `old` that no name of `new` is the same as or includes."""
    names = list(new)
    return tuple(one for one in dict.fromkeys(old) if not any(includes(n, one) for n in names))


def _under_wildcard(name: str, have: set[str]) -> bool:
    return not is_wildcard(name) and "." in name and wildcard_over(name) in have


def _plain(name: str) -> str:
    return canonical(name) or name.lower()
