"""Which of many certificates is taken for a resource's names, by look-ups and not by comparing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Generic, NamedTuple, Protocol, TypeVar

from domain.certificates.hostnames import canonical, is_wildcard, wildcard_over


class Named(Protocol):
    """What choosing needs of a certificate."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def not_after(self) -> datetime: ...
    @property
    def fingerprint(self) -> str: ...


N = TypeVar("N", bound=Named)


class Choice(NamedTuple, Generic[N]):
    """The certificate that is taken, and why before others, for a person to read."""

    certificate: N
    why: str


class NameIndex(Generic[N]):
    """Certificates by name: two look-ups find all that cover a host, however many there are.

    The best of them names as many hosts as it can rather than cover them by a wildcard, then it
    expires last. Among equals the fingerprint decides, so that every preview gives the same answer.
    """

    def __init__(self, certificates: Iterable[N]) -> None:
        self._by_name: dict[str, dict[str, N]] = {}
        # Each group is in the order of choice, so that a choice among many looks at the first.
        for certificate in sorted(certificates, key=_lasting, reverse=True):
            for name in filter(None, map(canonical, certificate.names)):
                self._by_name.setdefault(name, {})[certificate.fingerprint] = certificate

    def __contains__(self, name: str) -> bool:
        """Whether some certificate has exactly this name, in canonical form."""
        return name in self._by_name

    def covering(self, hosts: Sequence[str]) -> Iterator[N]:
        """Those that cover every one of `hosts`, best first; none if there are no hosts."""
        return (certificate for _, certificate in self._ranked(hosts))

    def choose(
        self, hosts: Sequence[str], fits: Callable[[N], bool] | None = None
    ) -> Choice[N] | None:
        """The best of those that cover every one of `hosts`, and for which `fits` is true."""
        ranked = self._ranked(hosts)
        if fits is not None:
            ranked = ((exact, one) for exact, one in ranked if fits(one))
        first = list(islice(ranked, 2))
        if not first:
            return None
        if len(first) == 1:
            return Choice(first[0][1], "the only certificate that covers it")
        (exact, best), (next_exact, runner_up) = first
        if exact > next_exact:
            return Choice(best, "names it, where others cover it by a wildcard")
        if best.not_after > runner_up.not_after:
            return Choice(best, f"expires last ({best.not_after:%Y-%m-%d}) of those that cover it")
        return Choice(best, "equal to another; the fingerprint decided")

    def _ranked(self, hosts: Sequence[str]) -> Iterator[tuple[int, N]]:
        """How many hosts it names, and the certificate, best first."""
        found = [self._covering_one(host) for host in hosts]
        if len(found) != 1:
            return self._ranked_for_all(found)
        ((exact, wild),) = found
        return chain(
            ((1, one) for one in exact.values()),
            ((0, one) for name, one in wild.items() if name not in exact),
        )

    def _ranked_for_all(
        self, found: Sequence[tuple[dict[str, N], dict[str, N]]]
    ) -> Iterator[tuple[int, N]]:
        if not found:
            return iter(())
        fewest = min(found, key=lambda each: len(each[0]) + len(each[1]))
        common = [
            (sum(name in exact for exact, _ in found), one)
            for name, one in (fewest[0] | fewest[1]).items()
            if all(name in exact or name in wild for exact, wild in found)
        ]
        return iter(sorted(common, key=lambda each: (each[0], *_lasting(each[1])), reverse=True))

    def _covering_one(self, host: str) -> tuple[dict[str, N], dict[str, N]]:
        """Those that name the host, and those that cover it by a wildcard; one may do both."""
        want = canonical(host)
        if want is None:
            return {}, {}
        wild = {} if is_wildcard(want) else self._by_name.get(wildcard_over(want), {})
        return self._by_name.get(want, {}), wild


def _lasting(certificate: Named) -> tuple[datetime, str]:
    return certificate.not_after, certificate.fingerprint
