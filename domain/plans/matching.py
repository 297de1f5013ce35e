"""Which resource gets which certificate, and why. Pure; each resource is looked at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import explain_not_covered
from domain.certificates.name_index import Choice, ChoiceRule, NameIndex
from domain.errors import BadInput
from domain.plans.filters import Filters
from domain.plans.near_misses import NearMiss, NearMisses
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.request import PlanRequest, check_plan_request
from domain.plans.rules import check_certificates, may_replace
from domain.resources.resource import Binding, Resource
from domain.resources.slots import choose


class Listed(Protocol):
    """What matching needs of a row of the inventory."""

    @property
    def resource(self) -> Resource: ...
    @property
    def binding(self) -> Binding | None: ...
    @property
    def binding_known(self) -> bool: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def seen_at(self) -> datetime: ...
    @property
    def read_at(self) -> datetime | None: ...
    @property
    def vanished_at(self) -> datetime | None: ...


class Match(NamedTuple):
    """A resource, the certificate chosen for it, and whether it was named by the person.

    `listed` is the row of the inventory that it was found by, `why` why this certificate.
    """

    resource: Resource
    certificate: Certificate
    named: bool
    why: str | None = None
    listed: Listed | None = None


class Matched(NamedTuple):
    """What matching found: matches, refusals of what was named, and what nearly matched."""

    matches: list[Match]
    refusals: list[Refusal]
    near_misses: tuple[NearMiss, ...] = ()


def match(
    wish: PlanRequest, certificates: Sequence[Certificate], items: Iterable[Listed]
) -> Matched:
    """Which resource gets which certificate: the most specific one, then the latest to expire.

    Where the inventory does not know what a resource serves, filters by that are left to whoever
    reads it. Raises BadInput where the wish or the certificates are wrong by themselves.
    """
    check_plan_request(wish)
    check_certificates(certificates)
    matching = _Matching(wish, certificates)
    for item in items:
        matching.look(item)
    matching.check_names()
    return matching.result()


class _Matching:
    """One walk over the inventory."""

    def __init__(self, wish: PlanRequest, certificates: Sequence[Certificate]) -> None:
        self._wish, self._certificates = wish, certificates
        self._filters, self._index = Filters(wish), NameIndex(certificates)
        self._names, self._seen = frozenset(wish.resources), set[str]()
        self._accounts, self._services = frozenset(wish.accounts), frozenset(wish.services)
        self._matches: list[Match] = []
        self._unfit: list[Match] = []
        self._refusals: list[Refusal] = []
        self._near = NearMisses(self._index)
        self._takes_all, self._by_served = wish.takes_unnamed, wish.filters_by_binding

    def look(self, item: Listed) -> None:
        """Looks at one row, in any order."""
        resource = item.resource
        if self._accounts and resource.account not in self._accounts:
            return
        called = self._names & {resource.id, resource.key} if self._names else None
        if called:
            self._seen |= called
        elif not self._is_taken(item):
            return
        left_out = self._filters.place(resource, item.tags)
        if left_out is None and item.binding_known and self._by_served:
            left_out = self._filters.served(item.binding)
        if left_out is None:
            self._choose(item, named=bool(called))
        elif called:
            self._refuse(resource, RefusalCode.FILTER, left_out)

    def check_names(self) -> None:
        """BadInput for names that no row had."""
        if unknown := [name for name in self._wish.resources if name not in self._seen]:
            raise BadInput(
                f"not in the inventory: {', '.join(unknown)}",
                where="--resource",
                fix="Sync the inventory (certroll inventory sync) or check the name.",
            )

    def result(self) -> Matched:
        """All that was found."""
        matches = [*self._matches, *self._worth_telling()]
        return Matched(matches, self._refusals, self._near.told())

    def _is_taken(self, item: Listed) -> bool:
        if not self._takes_all or item.vanished_at is not None:
            return False
        return not self._services or item.resource.service in self._services

    def _choose(self, item: Listed, *, named: bool) -> None:
        resource = item.resource
        choice, fits = choose(resource, self._index)
        if not fits and named and (other := self._replacement(resource)):
            choice, fits = other, True
        if choice is not None:
            made = Match(resource, choice.certificate, named, choice.reason, item)
            (self._matches if fits else self._unfit).append(made)
        elif named:
            self._refuse(resource, RefusalCode.NAMES, self._not_covered(resource))
        else:
            self._near.add(resource.domains)

    def _refuse(self, resource: Resource, code: RefusalCode, reason: str) -> None:
        self._refusals.append(Refusal(subject=resource.id, code=code, reason=reason))

    def _worth_telling(self) -> list[Match]:
        """Of matches with slots of the wrong kind, which are refused: those someone would miss.

        They are of resources that the person named, or of a certificate that goes nowhere at all
        though the person named it.
        """
        used = {each.certificate.fingerprint for each in self._matches}
        of_the_vault = self._wish.takes_whole_vault
        return [
            each
            for each in self._unfit
            if each.named or not (of_the_vault or each.certificate.fingerprint in used)
        ]

    def _replacement(self, resource: Resource) -> Choice[Certificate] | None:
        fit = [each for each in self._certificates if may_replace(resource, each)]
        if not fit:
            return None
        latest = max(fit, key=lambda each: (each.not_after, each.fingerprint))
        reason = "includes the names of the former certificate, as listeners need it"
        return Choice(latest, reason, ChoiceRule.INCLUDES_FORMER_NAMES)

    def _not_covered(self, resource: Resource) -> str:
        names = [name for certificate in self._certificates for name in certificate.names]
        return (
            "; ".join(explain_not_covered(names, domain) for domain in resource.domains)
            or "it has no names"
        )
