"""Assign the changes of a plan to waves; planning, task creation and storage call it.

The same plan and policy give the same waves at every call.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size

SINGLE_WAVE_LIMIT = 20
"""Up to this many changes go in one wave unless someone asks for waves."""

MAX_WAVES = 50
MAX_IDS_SHOWN = 5

_NEVER = datetime.min.replace(tzinfo=UTC)


def build_default_policy(changes: Sequence[Change]) -> RolloutPolicy:
    """The policy of a task for which nobody asks for another one.

    Few changes are one wave. If there are more, one change of each service is the canary and must
    not fail; of the rest 10% may. If no service has a second change, there is no canary, because
    nothing would follow it.
    """
    if len(changes) <= SINGLE_WAVE_LIMIT:
        return RolloutPolicy()
    limited = RolloutPolicy(
        budget=Size(percent=10), on_budget_exceeded=OnBudgetExceeded.ROLL_BACK_WAVE
    )
    if len({change.resource.service for change in changes}) == len(changes):
        return limited
    canary = {"canary": Size(count=1), "canary_per_service": True}
    return limited.model_copy(update=canary)


def assign_waves(changes: Sequence[Change], rollout: RolloutPolicy) -> tuple[int, ...]:
    """The wave of each change, in the order of the plan.

    Waves count from 0 without a gap; a wave that would be empty does not exist. BadInput if the
    policy contradicts itself or does not fit these changes.
    """
    _check_canary(rollout)
    _check_sizes(rollout)
    _check_canary_resources(changes, rollout)
    waves = _assign(changes, rollout)
    if max(waves, default=0) == 0:
        _check_single_wave(rollout)
    return waves


def check_policy(changes: Sequence[Change], rollout: RolloutPolicy) -> None:
    """BadInput as `assign_waves` raises it."""
    assign_waves(changes, rollout)


def count_per_wave(waves: Sequence[int]) -> tuple[int, ...]:
    """The number of changes in each wave, given the wave of each change."""
    counted = Counter(waves)
    return tuple(counted[wave] for wave in range(len(counted)))


def _assign(changes: Sequence[Change], rollout: RolloutPolicy) -> tuple[int, ...]:
    canary = _choose_canary(changes, rollout)
    waves = [0] * len(changes)
    rest = [index for index in range(len(changes)) if index not in canary]
    number = 1 if canary else 0
    for size in rollout.waves:
        count = size.round_up(len(changes))
        wave, rest = rest[:count], rest[count:]
        for index in wave:
            waves[index] = number
        number += 1 if wave else 0
    for index in rest:
        waves[index] = number
    return tuple(waves)


def _choose_canary(changes: Sequence[Change], rollout: RolloutPolicy) -> frozenset[int]:
    """The indexes of the changes in the canary."""
    if rollout.canary_resources:
        named = set(rollout.canary_resources)
        return frozenset(n for n, change in enumerate(changes) if change.resource.id in named)
    if rollout.canary is None:
        return frozenset()
    services = _group_by_service(changes)
    if rollout.canary_per_service:
        chosen = (group[: rollout.canary.round_up(len(group))] for group in services)
        return frozenset(index for group in chosen for index in group)
    count = rollout.canary.round_up(len(changes))
    return frozenset(islice(_round_robin(services), count))


def _group_by_service(changes: Sequence[Change]) -> list[list[int]]:
    """The indexes of the changes of each service, the best canaries first.

    The services are in the order of their best canary; the larger service comes first among equals.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, change in enumerate(changes):
        groups[change.resource.service].append(index)
    for group in groups.values():
        group.sort(key=lambda index: _canary_risk(changes[index]))
    ordered = sorted(
        groups.items(),
        key=lambda item: (_canary_risk(changes[item[1][0]])[:2], -len(item[1]), item[0]),
    )
    return [group for _, group in ordered]


def _round_robin(groups: Sequence[Sequence[int]]) -> Iterator[int]:
    """The first of each group, then the second of each, and so on."""
    for position in range(max(map(len, groups), default=0)):
        yield from (group[position] for group in groups if position < len(group))


def _canary_risk(change: Change) -> tuple[bool, bool, bool, bool, float, int, str]:
    """A sort key: the smaller, the better the change is as a canary.

    A good canary can be rolled back, can be verified by a handshake and has no warning. It replaces
    a certificate, as most changes do, and that certificate is valid for long, so that a rollback
    leads to something that works. Then fewer names are better.
    """
    before, resource = change.before, change.resource
    valid_until = (before and before.not_after) or _NEVER
    return (
        change.not_reversible is not None,
        change.unverifiable is not None,
        bool(change.warnings),
        before is None,
        -(valid_until - _NEVER).total_seconds(),
        len(resource.domains),
        resource.id,
    )


def _check_canary(rollout: RolloutPolicy) -> None:
    if rollout.canary is not None and rollout.canary_resources:
        raise BadInput(
            "the canary has both a size and named resources",
            where="--canary",
            fix="Give a size, or name resources.",
            code="ambiguous-canary",
        )
    if rollout.canary_per_service and rollout.canary is None:
        raise BadInput(
            "the canary of each service has no size",
            where="--canary",
            fix="Say how many of each service.",
            code="canary-without-size",
        )
    if rollout.canary_budget and not rollout.has_canary:
        raise BadInput(
            "there is no canary whose failures could be allowed",
            where="--canary-failures",
            fix="Ask for a canary, or leave this out.",
            code="no-canary",
        )


def _check_sizes(rollout: RolloutPolicy) -> None:
    sizes = [("--wave", each) for each in rollout.waves]
    if rollout.canary is not None:
        sizes.append(("--canary", rollout.canary))
    for where, size in sizes:
        if size.round_up(100) == 0:
            raise BadInput(
                f"a wave of {size} is empty",
                where=where,
                fix="Give more than 0.",
                code="empty-wave",
            )
    percent = sum(size.percent or 0 for _, size in sizes)
    if percent > 100:
        raise BadInput(
            f"together the waves are {percent:g}% of the changes",
            where="--wave",
            fix="Give at most 100%: the last wave is what is left.",
            code="waves-exceed-total",
        )
    if len(rollout.waves) > MAX_WAVES:
        raise BadInput(
            f"there are more than {MAX_WAVES} waves",
            where="--wave",
            fix="Ask for fewer, larger waves.",
            code="too-many-waves",
        )


def _check_canary_resources(changes: Sequence[Change], rollout: RolloutPolicy) -> None:
    if not rollout.canary_resources:
        return
    known = {change.resource.id for change in changes}
    unknown = [each for each in rollout.canary_resources if each not in known]
    if unknown:
        more = f" and {len(unknown) - MAX_IDS_SHOWN} more" if len(unknown) > MAX_IDS_SHOWN else ""
        raise BadInput(
            f"the plan does not change {', '.join(unknown[:MAX_IDS_SHOWN])}{more}",
            where="--canary",
            fix="Name resources of the plan as it shows them.",
            code="unknown-canary",
        )


def _check_single_wave(rollout: RolloutPolicy) -> None:
    """A gate and a bake time lie between two waves, so one wave has neither."""
    for where, is_requested in (("--gate", rollout.gate), ("--bake", rollout.bake_seconds > 0)):
        if is_requested:
            raise BadInput(
                "all changes are in one wave, after which nothing waits",
                where=where,
                fix="Ask for a canary or for waves, or leave this out.",
                code="single-wave",
            )
