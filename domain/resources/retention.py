"""Which former certificates may leave a provider's store. Pure: the caller brings what is known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from domain.model import Value
from domain.resources.resource import Binding, CertificateRef

KEEP = 2
"""How many former certificates of each resource stay for its way back, unless told otherwise."""


class Held(Value):
    """A certificate of ours in a provider's store; `uploaded`: by us, not found there."""

    fingerprint: str
    name: str
    account: str
    store: str
    ref: CertificateRef
    uploaded: bool


class Place(Value):
    """A resource, and what it has to do with certificates; `resource` is its id.

    `now` is what it serves, None for nothing; `known` is False where nobody can tell, or where it
    serves something that nobody can name. `served` are the fingerprints that our tasks had it
    serve, the newest first; `may_serve` are others that it could serve while that is not known.
    `others` is how many more resources are in every respect like this one.
    `store` is what it binds from, None where that is not known: then any store is meant.
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
    """A certificate that a task has to bind yet, or may have to bind again."""

    account: str
    store: str
    binding: Binding
    task: str


class RetentionDecision(Value):
    """What is to become of a certificate in a store: `stays` says why, None that it may go."""

    held: Held
    stays: str | None


class Why(IntEnum):
    """Why a certificate stays; of several reasons the first is told."""

    FOUND = 0
    SERVED = 1
    NEEDED = 2
    UNKNOWN = 3
    KEPT = 4


class Claim(NamedTuple):
    """Somebody's reason to keep what `fingerprint` or `ref` names; `who` is a resource or a task.

    A claim without a store is on the certificate in each of them.
    """

    why: Why
    who: str
    account: str
    store: str | None
    fingerprint: str | None
    ref: CertificateRef | None = None
    others: int = 0


def judge(
    held: Iterable[Held], places: Iterable[Place], needs: Iterable[Need], keep: int
) -> list[RetentionDecision]:
    """For each certificate whether it may go: all but what is claimed, or is not ours to remove.

    Of the former ones each resource keeps the newest `keep`, beside what it serves now.
    """
    book = _Book(held)
    for place in places:
        for claim in _claims(place, keep):
            book.enter(claim)
    for need in needs:
        binding = need.binding
        book.enter(
            Claim(
                Why.NEEDED,
                need.task,
                need.account,
                need.store,
                binding.fingerprint,
                binding.ref,
            )
        )
    return [RetentionDecision(held=one, stays=book.why(n, keep)) for n, one in enumerate(book.held)]


def _claims(place: Place, keep: int) -> Iterator[Claim]:
    """What a resource keeps, most urgent reason first."""

    def claim(why: Why, fingerprint: str | None, ref: CertificateRef | None = None) -> Claim:
        store = ref.store if ref else place.store
        return Claim(why, place.resource, place.account, store, fingerprint, ref, place.others)

    now = place.now
    if now is not None:
        yield claim(Why.SERVED, now.fingerprint, now.ref)
    if not (place.known and _is_named(now)):
        for fingerprint in (*place.served, *place.may_serve):
            yield claim(Why.UNKNOWN, fingerprint)
    current = now.fingerprint if now else None
    former = [one for one in dict.fromkeys(place.served) if one != current]
    for fingerprint in former[:keep]:
        yield claim(Why.KEPT, fingerprint)


def _is_named(binding: Binding | None) -> bool:
    return binding is None or bool(binding.fingerprint or binding.ref)


Standing = tuple[Why, int]
"""Why somebody keeps a certificate, and how many others do for the same reason."""


class _Book:
    """The claims on each certificate."""

    def __init__(self, held: Iterable[Held]) -> None:
        self.held = list(held)
        self._by_fingerprint: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_ref: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._claims: defaultdict[int, dict[str, Standing]] = defaultdict(dict)
        for number, one in enumerate(self.held):
            self._by_fingerprint[one.account, one.fingerprint].append(number)
            self._by_ref[one.account, _written(one.ref)].append(number)

    def enter(self, claim: Claim) -> None:
        """Notes a claim on each certificate that it means."""
        for number in self._meant(claim):
            standing = (claim.why, claim.others)
            who = self._claims[number]
            who[claim.who] = min(standing, who.get(claim.who, standing))

    def why(self, number: int, keep: int) -> str | None:
        """Why it stays, in words."""
        if not self.held[number].uploaded:
            return "it was not uploaded from here"
        claims = self._claims.get(number, {})
        if not claims:
            return None
        first = min(why for why, _ in claims.values())
        who = sorted(name for name, (why, _) in claims.items() if why is first)
        more = sum(1 + others for why, others in claims.values() if why is first) - 1
        return _in_words(first, who[0] + (f" and {more} more" if more else ""), keep)

    def _meant(self, claim: Claim) -> set[int]:
        found: set[int] = set()
        if claim.fingerprint is not None:
            found.update(self._by_fingerprint.get((claim.account, claim.fingerprint), ()))
        if claim.ref is not None:
            found.update(self._by_ref.get((claim.account, _written(claim.ref)), ()))
        return {one for one in found if claim.store in (None, self.held[one].store)}


def _in_words(why: Why, who: str, keep: int) -> str:
    match why:
        case Why.SERVED:
            return f"serves {who}"
        case Why.NEEDED:
            return f"needed by {who}"
        case Why.UNKNOWN:
            return f"may serve {who}: what that serves is not known"
        case _:
            return f"among the newest {keep} that {who} served before"


def _written(ref: CertificateRef) -> str:
    """A reference as a text, equal for equal ones."""
    return f"{ref.store} {sorted(ref.fields.items())}"
