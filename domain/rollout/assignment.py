"""Which change of a plan belongs to which wave of its task. Pure, and the same at every call."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.rollout.policy import OnBreach, Rollout, Size

FEW = 20
"""Up to so many changes go at once unless someone says otherwise."""

MOST_WAVES = 50
MOST_TOLD = 5

_NEVER = datetime.min.replace(tzinfo=UTC)


def default_rollout(changes: Sequence[Change]) -> Rollout:
    """What goes for a task of which nobody says more.

    Few changes are one wave. Of more, one of each service goes first and must not fail; of the rest
    a tenth may. Where each service has but one, nothing would follow a canary.
    """
    if len(changes) <= FEW:
        return Rollout()
    cautious = Rollout(budget=Size(percent=10), on_breach=OnBreach.ROLL_BACK_WAVE)
    if len({change.resource.service for change in changes}) == len(changes):
        return cautious
    first = {"canary": Size(count=1), "canary_per_service": True}
    return cautious.model_copy(update=first)


def assign(changes: Sequence[Change], rollout: Rollout) -> tuple[int, ...]:
    """The wave of each change of a plan, in the plan's order; the first is 0, none is left out.

    A wave that would have no change does not exist. BadInput as by `check_rollout`.
    """
    _check(changes, rollout)
    waves = _assigned(changes, rollout)
    if max(waves, default=0) == 0:
        _check_alone(rollout)
    return waves


def check_rollout(changes: Sequence[Change], rollout: Rollout) -> None:
    """BadInput for a policy that contradicts itself, or that these changes cannot be done by."""
    assign(changes, rollout)


def sizes(waves: Sequence[int]) -> tuple[int, ...]:
    """How many changes each wave has."""
    counted = Counter(waves)
    return tuple(counted[wave] for wave in range(len(counted)))


def _assigned(changes: Sequence[Change], rollout: Rollout) -> tuple[int, ...]:
    canary = _canary(changes, rollout)
    waves = [0] * len(changes)
    left = [place for place in range(len(changes)) if place not in canary]
    number = 1 if canary else 0
    for size in rollout.waves:
        now, left = left[: size.at_least(len(changes))], left[size.at_least(len(changes)) :]
        for place in now:
            waves[place] = number
        number += 1 if now else 0
    for place in left:
        waves[place] = number
    return tuple(waves)


def _canary(changes: Sequence[Change], rollout: Rollout) -> frozenset[int]:
    """The places in the plan of what goes first."""
    if rollout.canary_resources:
        named = set(rollout.canary_resources)
        return frozenset(n for n, change in enumerate(changes) if change.resource.id in named)
    if rollout.canary is None:
        return frozenset()
    services = _by_service(changes)
    if rollout.canary_per_service:
        chosen = (found[: rollout.canary.at_least(len(found))] for found in services)
        return frozenset(place for found in chosen for place in found)
    most = rollout.canary.at_least(len(changes))
    return frozenset(islice(_in_turn(services), most))


def _by_service(changes: Sequence[Change]) -> list[list[int]]:
    """The places of each service's changes, the best to learn from first.

    The services themselves likewise, and among equals the one with the most changes.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for place, change in enumerate(changes):
        groups[change.resource.service].append(place)
    for places in groups.values():
        places.sort(key=lambda place: _risk(changes[place]))
    ordered = sorted(
        groups.items(), key=lambda each: (_risk(changes[each[1][0]])[:2], -len(each[1]), each[0])
    )
    return [places for _, places in ordered]


def _in_turn(groups: Sequence[Sequence[int]]) -> Iterator[int]:
    """One of each group, then the next of each, until none has any more."""
    for turn in range(max(map(len, groups), default=0)):
        yield from (places[turn] for places in groups if turn < len(places))


def _risk(change: Change) -> tuple[bool, bool, bool, bool, float, int, str]:
    """Smaller is the better canary.

    It can be taken back, a handshake shows it, nobody is warned of it; it is what most changes are,
    one certificate in the place of another, and that one lasts long, so that the way back leads to
    something that serves. Then the one which answers to fewer names.
    """
    before, resource = change.before, change.resource
    lasts = (before and before.not_after) or _NEVER
    return (
        change.not_reversible is not None,
        change.unproven is not None,
        bool(change.warnings),
        before is None,
        -(lasts - _NEVER).total_seconds(),
        len(resource.domains),
        resource.id,
    )


def _check(changes: Sequence[Change], rollout: Rollout) -> None:
    if rollout.canary is not None and rollout.canary_resources:
        raise BadInput(
            "the canary is named and counted at once",
            where="--canary",
            fix="Name resources, or say how many.",
        )
    if rollout.canary_per_service and rollout.canary is None:
        raise BadInput("nothing says how many of each service", where="--canary")
    if rollout.canary_budget and not rollout.has_canary:
        raise BadInput(
            "there is no canary whose failures could be borne",
            where="--canary-failures",
            fix="Ask for a canary, or leave this out.",
        )
    _check_sizes(rollout)
    _check_named(changes, rollout)


def _check_sizes(rollout: Rollout) -> None:
    for where, size in (
        ("--canary", rollout.canary),
        *(("--wave", each) for each in rollout.waves),
    ):
        if size is not None and size.at_least(100) == 0:
            raise BadInput(f"of {size} nothing goes ahead", where=where, fix="Give more than 0.")
    parts = [*rollout.waves, *([rollout.canary] if rollout.canary else [])]
    shares = sum(part.percent or 0 for part in parts)
    if shares > 100:
        raise BadInput(
            f"the waves are {shares:g}% of the changes together",
            where="--wave",
            fix="Give at most 100%: what is left is the last wave by itself.",
        )
    if len(rollout.waves) > MOST_WAVES:
        raise BadInput(f"there are more than {MOST_WAVES} waves", where="--wave")


def _check_named(changes: Sequence[Change], rollout: Rollout) -> None:
    if not rollout.canary_resources:
        return
    known = {change.resource.id for change in changes}
    strange = [each for each in rollout.canary_resources if each not in known]
    if strange:
        more = f" and {len(strange) - MOST_TOLD} more" if len(strange) > MOST_TOLD else ""
        raise BadInput(
            f"the plan does not change {', '.join(strange[:MOST_TOLD])}{more}",
            where="--canary",
            fix="Name resources of the plan as it shows them.",
        )


def _check_alone(rollout: Rollout) -> None:
    """What is meant between two waves wants two."""
    asked = [("--gate", rollout.gate), ("--bake", rollout.bake_seconds > 0)]
    for where, is_asked in asked:
        if is_asked:
            raise BadInput(
                "all changes are one wave, after which nothing waits",
                where=where,
                fix="Ask for a canary or for waves, or leave this out.",
            )
