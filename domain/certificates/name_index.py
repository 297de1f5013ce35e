"""Finds the best certificate for a resource's names by look-ups; planning matches with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from typing import Generic, NamedTuple, Protocol, TypeVar

from domain.certificates.hostnames import is_wildcard, to_canonical, to_wildcard


class IndexedCertificate(Protocol):
    """What the index needs of a certificate."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def not_after(self) -> datetime: ...
    @property
    def fingerprint(self) -> str: ...


N = TypeVar("N", bound=IndexedCertificate)


class ChoiceRule(StrEnum):
    """The rule that chose a certificate before all others."""

    ONLY_ONE = "only-one"
    EXACT_NAME = "exact-name"
    EXPIRES_LAST = "expires-last"
    FINGERPRINT = "fingerprint"
    INCLUDES_FORMER_NAMES = "includes-former-names"


class Choice(NamedTuple, Generic[N]):
    """The chosen certificate and why it was chosen; `reason` is for people, `rule` for programs."""

    certificate: N
    reason: str
    rule: ChoiceRule


class NameIndex(Generic[N]):
    """Certificates by name: two look-ups find all that cover a host, however many there are.

    The best certificate has the most hosts as exact names instead of covering them by a wildcard;
    among those, it expires last. Among equals the fingerprint decides, so that every preview gives
    the same answer.
    """

    def __init__(self, certificates: Iterable[N]) -> None:
        self._by_name: dict[str, dict[str, N]] = {}
        # Each group is in the order of choice, so that choosing among many reads only the first.
        for certificate in sorted(certificates, key=_get_lifetime_rank, reverse=True):
            for name in filter(None, map(to_canonical, certificate.names)):
                self._by_name.setdefault(name, {})[certificate.fingerprint] = certificate

    def __contains__(self, name: str) -> bool:
        """Whether a certificate has exactly this name, in canonical form."""
        return name in self._by_name

    def list_covering(self, hosts: Sequence[str]) -> Iterator[N]:
        """The certificates that cover all hosts, best first; none if there are no hosts."""
        return (certificate for _, certificate in self._rank(hosts))

    def choose(
        self, hosts: Sequence[str], fits: Callable[[N], bool] | None = None
    ) -> Choice[N] | None:
        """The best certificate that covers all hosts and for which `fits` is true."""
        ranked = self._rank(hosts)
        if fits is not None:
            ranked = ((exact, one) for exact, one in ranked if fits(one))
        first = list(islice(ranked, 2))
        if not first:
            return None
        if len(first) == 1:
            reason = "the only certificate that covers it"
            return Choice(first[0][1], reason, ChoiceRule.ONLY_ONE)
        (exact, best), (next_exact, runner_up) = first
        if exact > next_exact:
            reason = "has it as an exact name; others cover it by a wildcard"
            return Choice(best, reason, ChoiceRule.EXACT_NAME)
        if best.not_after > runner_up.not_after:
            reason = f"expires last ({best.not_after:%Y-%m-%d}) of those that cover it"
            return Choice(best, reason, ChoiceRule.EXPIRES_LAST)
        reason = "equal to another one; the higher fingerprint was taken"
        return Choice(best, reason, ChoiceRule.FINGERPRINT)

    def _rank(self, hosts: Sequence[str]) -> Iterator[tuple[int, N]]:
        """Each certificate that covers all hosts, with how many it has as exact names."""
        found = [self._find_covering_one(host) for host in hosts]
        if len(found) != 1:
            return self._rank_for_several(found)
        ((exact, wild),) = found
        return chain(
            ((1, one) for one in exact.values()),
            ((0, one) for name, one in wild.items() if name not in exact),
        )

    def _rank_for_several(
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

        def get_rank(ranked: tuple[int, N]) -> tuple[int, datetime, str]:
            return ranked[0], *_get_lifetime_rank(ranked[1])

        return iter(sorted(common, key=get_rank, reverse=True))

    def _find_covering_one(self, host: str) -> tuple[dict[str, N], dict[str, N]]:
        """The certificates with the exact name and those with its wildcard; one may be in both."""
        want = to_canonical(host)
        if want is None:
            return {}, {}
        wild = {} if is_wildcard(want) else self._by_name.get(to_wildcard(want), {})
        return self._by_name.get(want, {}), wild


def _get_lifetime_rank(certificate: IndexedCertificate) -> tuple[datetime, str]:
    return certificate.not_after, certificate.fingerprint
