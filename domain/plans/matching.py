"""Chooses a certificate for each resource that a plan request selects. Pure.

Called by operations.planning. It reads each entry of the inventory once.
"""

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
from domain.resources.slots import choose_certificate


class InventoryEntry(Protocol):
    """What matching needs of an entry of the inventory."""

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
    """A resource and its certificate; `named`: the plan request names the resource.

    `why` says why this certificate was chosen, `entry` is the resource's entry of the inventory.
    """

    resource: Resource
    certificate: Certificate
    named: bool
    why: str | None = None
    entry: InventoryEntry | None = None


class MatchResult(NamedTuple):
    """Matches, refusals of named resources, and near misses."""

    matches: list[Match]
    refusals: list[Refusal]
    near_misses: tuple[NearMiss, ...] = ()


def match(
    request: PlanRequest, certificates: Sequence[Certificate], entries: Iterable[InventoryEntry]
) -> MatchResult:
    """Gives each resource the most specific certificate, then the one that expires last.

    Filters by binding are skipped where the inventory does not know the binding: the caller applies
    them after it has read it. Raises BadInput for an invalid plan request or certificates.
    """
    check_plan_request(request)
    check_certificates(certificates)
    matcher = _Matcher(request, certificates)
    for item in entries:
        matcher.add(item)
    matcher.check_names()
    return matcher.build_result()


class _Matcher:
    """One pass over the inventory."""

    def __init__(self, request: PlanRequest, certificates: Sequence[Certificate]) -> None:
        self._request, self._certificates = request, certificates
        self._filters, self._index = Filters(request), NameIndex(certificates)
        self._names, self._seen_names = frozenset(request.resources), set[str]()
        self._accounts, self._services = frozenset(request.accounts), frozenset(request.services)
        self._matches: list[Match] = []
        self._not_taken: list[Match] = []
        self._refusals: list[Refusal] = []
        self._near = NearMisses(self._index)
        self._takes_unnamed, self._filters_by_binding = (
            request.takes_unnamed,
            request.filters_by_binding,
        )

    def add(self, item: InventoryEntry) -> None:
        """Matches or refuses one resource; the order does not matter."""
        resource = item.resource
        if self._accounts and resource.account not in self._accounts:
            return
        names = self._names & {resource.id, resource.key} if self._names else None
        if names:
            self._seen_names |= names
        elif not self._is_selected(item):
            return
        left_out = self._filters.explain_resource_left_out(resource, item.tags)
        if left_out is None and item.binding_known and self._filters_by_binding:
            left_out = self._filters.explain_binding_left_out(item.binding)
        if left_out is None:
            self._choose(item, named=bool(names))
        elif names:
            self._refuse(resource, RefusalCode.FILTER, left_out)

    def check_names(self) -> None:
        """Raises BadInput for requested resources that the inventory does not have."""
        if unknown := [name for name in self._request.resources if name not in self._seen_names]:
            raise BadInput(
                f"not in the inventory: {', '.join(unknown)}",
                where="--resource",
                code="unknown-resource",
                fix="Sync the inventory (certroll inventory sync) or check the name.",
            )

    def build_result(self) -> MatchResult:
        matches = [*self._matches, *self._list_refused_slots()]
        return MatchResult(matches, self._refusals, self._near.list_groups())

    def _is_selected(self, item: InventoryEntry) -> bool:
        if not self._takes_unnamed or item.vanished_at is not None:
            return False
        return not self._services or item.resource.service in self._services

    def _choose(self, item: InventoryEntry, *, named: bool) -> None:
        resource = item.resource
        choice, fits = choose_certificate(resource, self._index)
        if not fits and named and (other := self._find_replacement(resource)):
            choice, fits = other, True
        if choice is not None:
            found = Match(resource, choice.certificate, named, choice.reason, item)
            (self._matches if fits else self._not_taken).append(found)
        elif named:
            self._refuse(resource, RefusalCode.NAMES, self._explain_not_covered(resource))
        else:
            self._near.add(resource.domains)

    def _refuse(self, resource: Resource, code: RefusalCode, reason: str) -> None:
        self._refusals.append(Refusal(subject=resource.id, code=code, reason=reason))

    def _list_refused_slots(self) -> list[Match]:
        """Matches whose slot does not take the certificate, to be refused with a reason.

        Only those of a named resource, or of a named certificate that has no other match; the rest
        is left out silently.
        """
        used = {each.certificate.fingerprint for each in self._matches}
        whole_vault = self._request.takes_whole_vault
        return [
            each
            for each in self._not_taken
            if each.named or not (whole_vault or each.certificate.fingerprint in used)
        ]

    def _find_replacement(self, resource: Resource) -> Choice[Certificate] | None:
        fitting = [each for each in self._certificates if may_replace(resource, each)]
        if not fitting:
            return None
        latest = max(fitting, key=lambda each: (each.not_after, each.fingerprint))
        reason = "includes the names of the former certificate, as listeners require"
        return Choice(latest, reason, ChoiceRule.INCLUDES_FORMER_NAMES)

    def _explain_not_covered(self, resource: Resource) -> str:
        names = [name for certificate in self._certificates for name in certificate.names]
        return (
            "; ".join(explain_not_covered(names, domain) for domain in resource.domains)
            or "it has no names"
        )
