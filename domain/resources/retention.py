"""Decides which certificates may be removed from a provider's store. Pure.

Called by operations.cleanup and by the check of store capacity.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from domain.model import Value
from domain.resources.resource import Binding, CertificateRef

KEEP = 2
"""The default number of former certificates that each resource keeps for a rollback."""


class StoreEntry(Value):
    """A certificate in a provider's store that we also have; `uploaded`: we uploaded it."""

    fingerprint: str
    name: str
    account: str
    store: str
    ref: CertificateRef
    uploaded: bool


class ResourceUse(Value):
    """The certificates that a resource uses; `resource` is its id.

    `now` is its binding, None for HTTPS off; `known` is False if nobody knows the binding. `served`
    are the fingerprints that our tasks deployed to it, the newest first. `may_serve` are others
    that it could serve while the binding is not known. `others` counts further resources with
    exactly the same use. `store` is the store that it binds from; None means any store.
    """

    resource: str
    account: str
    store: str | None = None
    now: Binding | None = None
    known: bool = True
    served: tuple[str, ...] = ()
    may_serve: tuple[str, ...] = ()
    others: int = 0


class Need(Value):
    """A certificate that a task still has to bind, or may have to bind again."""

    account: str
    store: str
    binding: Binding
    task: str


class RetentionCode(StrEnum):
    """Why a certificate is kept, the most important reason first."""

    NOT_UPLOADED = "not-uploaded"  # it was not uploaded from here
    SERVED = "served"  # a resource serves it
    NEEDED = "needed"  # a task needs it
    MAY_BE_SERVED = "may-be-served"  # the binding of a resource is not known
    SERVED_BEFORE = "served-before"  # a resource keeps it for a rollback
    IN_USE = "in-use"  # the store itself names a user


_PRIORITY = {code: number for number, code in enumerate(RetentionCode)}


class RetentionDecision(Value):
    """Why a certificate in a store is kept; `code` and `kept_because` are None if it may go."""

    entry: StoreEntry
    kept_because: str | None
    code: RetentionCode | None = None


class Claim(NamedTuple):
    """A reason to keep the certificate with `fingerprint` or `ref`; `who` is a resource or a task.

    A claim without a store concerns every store.
    """

    code: RetentionCode
    who: str
    account: str
    store: str | None
    fingerprint: str | None
    ref: CertificateRef | None = None
    others: int = 0


def decide_retention(
    entries: Iterable[StoreEntry], uses: Iterable[ResourceUse], needs: Iterable[Need], keep: int
) -> list[RetentionDecision]:
    """Decides for each certificate whether it may be removed: uploaded by us, without any claim.

    Each resource keeps its `keep` newest former certificates besides the current one.
    """
    claims = _Claims(entries)
    for use in uses:
        for claim in _list_claims(use, keep):
            claims.add(claim)
    for need in needs:
        fingerprint, ref = need.binding.fingerprint, need.binding.ref
        claims.add(
            Claim(RetentionCode.NEEDED, need.task, need.account, need.store, fingerprint, ref)
        )
    return [claims.decide(number, keep) for number in range(len(claims.entries))]


def _list_claims(use: ResourceUse, keep: int) -> Iterator[Claim]:
    def build_claim(
        code: RetentionCode, fingerprint: str | None, ref: CertificateRef | None = None
    ) -> Claim:
        store = ref.store if ref else use.store
        return Claim(code, use.resource, use.account, store, fingerprint, ref, use.others)

    now = use.now
    if now is not None:
        yield build_claim(RetentionCode.SERVED, now.fingerprint, now.ref)
    if not (use.known and _is_identified(now)):
        for fingerprint in (*use.served, *use.may_serve):
            yield build_claim(RetentionCode.MAY_BE_SERVED, fingerprint)
    current = now.fingerprint if now else None
    former = [one for one in dict.fromkeys(use.served) if one != current]
    for fingerprint in former[:keep]:
        yield build_claim(RetentionCode.SERVED_BEFORE, fingerprint)


def _is_identified(binding: Binding | None) -> bool:
    return binding is None or bool(binding.fingerprint or binding.ref)


class _Claims:
    """The claims on each certificate, by its number in `entries`."""

    def __init__(self, entries: Iterable[StoreEntry]) -> None:
        self.entries = list(entries)
        self._by_fingerprint: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_ref: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        # For each claimant its most important reason, and how many others have the same one.
        self._claims: defaultdict[int, dict[str, tuple[RetentionCode, int]]] = defaultdict(dict)
        for number, entry in enumerate(self.entries):
            self._by_fingerprint[entry.account, entry.fingerprint].append(number)
            self._by_ref[entry.account, _to_text(entry.ref)].append(number)

    def add(self, claim: Claim) -> None:
        for number in self._find_entries(claim):
            claimants = self._claims[number]
            reasons = [(claim.code, claim.others)]
            if claim.who in claimants:
                reasons.append(claimants[claim.who])
            claimants[claim.who] = min(reasons, key=lambda one: (_PRIORITY[one[0]], one[1]))

    def decide(self, number: int, keep: int) -> RetentionDecision:
        entry = self.entries[number]
        if not entry.uploaded:
            return RetentionDecision(
                entry=entry,
                kept_because="it was not uploaded from here",
                code=RetentionCode.NOT_UPLOADED,
            )
        claims = self._claims.get(number, {})
        if not claims:
            return RetentionDecision(entry=entry, kept_because=None)
        code = min((code for code, _ in claims.values()), key=_PRIORITY.__getitem__)
        who = sorted(name for name, (reason, _) in claims.items() if reason is code)
        more = sum(1 + others for reason, others in claims.values() if reason is code) - 1
        text = _describe(code, who[0] + (f" and {more} more" if more else ""), keep)
        return RetentionDecision(entry=entry, kept_because=text, code=code)

    def _find_entries(self, claim: Claim) -> set[int]:
        found: set[int] = set()
        if claim.fingerprint is not None:
            found.update(self._by_fingerprint.get((claim.account, claim.fingerprint), ()))
        if claim.ref is not None:
            found.update(self._by_ref.get((claim.account, _to_text(claim.ref)), ()))
        return {one for one in found if claim.store in (None, self.entries[one].store)}


def _describe(code: RetentionCode, who: str, keep: int) -> str:
    match code:
        case RetentionCode.SERVED:
            return f"serves {who}"
        case RetentionCode.NEEDED:
            return f"needed by {who}"
        case RetentionCode.MAY_BE_SERVED:
            return f"may serve {who}, whose binding is not known"
        case _:
            return f"among the newest {keep} that {who} served before"


def _to_text(ref: CertificateRef) -> str:
    """The reference as a text; equal references give equal texts."""
    return f"{ref.store} {sorted(ref.fields.items())}"
