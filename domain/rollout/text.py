"""Waves as a person writes and reads them. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from domain.errors import BadInput
from domain.model import Value
from domain.plans.plan import Change
from domain.rollout.assignment import sizes
from domain.rollout.policy import OnBreach, Rollout, Size, after_canary, allowed

_SIZE = re.compile(r"([0-9]{1,6})|([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%")
_ELSE = {
    OnBreach.STOP: "else the task stops",
    OnBreach.ROLL_BACK_WAVE: "else the wave is taken back",
    OnBreach.ROLL_BACK_ALL: "else all is taken back",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Wave(Value):
    """One wave of a task; `wave` counts from 0.

    `changes` in all and of each service; `failures` are borne until its end, as
    `domain.waves.allowed` counts them, None is any number. `resources` are the ids of a canary.
    """

    wave: int
    canary: bool
    changes: int
    services: dict[str, int]
    failures: int | None
    resources: tuple[str, ...] = ()


def read_size(text: str, where: str) -> Size:
    """The size that "5" or "10%" says; BadInput for all else."""
    size = size_in(text)
    if size is None:
        raise BadInput(
            f"{text[:60]!r} is neither a number nor a share",
            where=where,
            fix='Write it as "5" or "10%".',
        )
    return size


def size_in(text: str) -> Size | None:
    """The same, and None for all else."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[2] or 0) > 100:
        return None
    return Size(count=int(found[1])) if found[1] else Size(percent=float(found[2]))


def waves_of(
    changes: Sequence[Change], assigned: Sequence[int], rollout: Rollout
) -> tuple[Wave, ...]:
    """The waves, from the first; `assigned` is the wave of each change."""
    groups: defaultdict[int, list[Change]] = defaultdict(list)
    for change, wave in zip(changes, assigned, strict=True):
        groups[wave].append(change)
    total = after_canary(rollout, sizes(assigned))
    return tuple(_wave(rollout, wave, groups[wave], total) for wave in sorted(groups))


def told(rollout: Rollout, waves: Sequence[Wave]) -> list[str]:
    """A line of each wave: what goes, how many failures are borne, what comes before the next."""
    return [_line(rollout, waves, wave) for wave in waves]


def brief(rollout: Rollout) -> str:
    """The policy on one line, without a plan: "canary 1 of each service, failures 10%"."""
    parts = [
        f"canary {_canary(rollout)}" if rollout.has_canary else "",
        f"waves {', '.join(map(str, rollout.waves))}" if rollout.waves else "",
        "" if rollout.has_canary or rollout.waves else "one wave",
        f"wait {spell(rollout.bake_seconds)}" if rollout.bake_seconds else "",
        "each wave by word" if rollout.gate else "",
        f"canary failures {rollout.canary_budget}" if rollout.canary_budget else "",
        f"failures {rollout.budget or 'any'}",
        _ELSE[rollout.on_breach] if rollout.budget or rollout.has_canary else "",
        *beside(rollout),
    ]
    return "; ".join(filter(None, parts))


def beside(rollout: Rollout) -> list[str]:
    """What is not as it is for a task of which nobody says more."""
    told = {
        "what failed stays as it is": not rollout.take_back_failed,
        "what nobody here can reach counts as success": rollout.accept_unverified,
        f"what may pass is tried again for {spell(rollout.keep_trying_seconds)}": (
            rollout.keep_trying_seconds != Rollout().keep_trying_seconds
        ),
    }
    return [line for line, is_so in told.items() if is_so]


def spell(seconds: int) -> str:
    """Exactly: "15 min", "1 h 30 min", "2 d"."""
    parts = []
    for length, unit in _UNITS:
        count, seconds = divmod(seconds, length)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts) or "0 s"


def _wave(rollout: Rollout, wave: int, changes: Sequence[Change], total: int) -> Wave:
    is_canary = rollout.has_canary and wave == 0
    return Wave(
        wave=wave,
        canary=is_canary,
        changes=len(changes),
        services=dict(sorted(Counter(change.resource.service for change in changes).items())),
        failures=allowed(rollout, wave, total),
        resources=tuple(change.resource.id for change in changes) if is_canary else (),
    )


def _line(rollout: Rollout, waves: Sequence[Wave], wave: Wave) -> str:
    many = "1 resource" if wave.changes == 1 else f"{wave.changes} resources"
    what = f"canary: {many}{_chosen(rollout)}" if wave.canary else many
    parts = [what, _failures(rollout, waves, wave)]
    if wave.wave < len(waves) - 1:
        parts += [f"then wait {spell(rollout.bake_seconds)}"] if rollout.bake_seconds else []
        parts += ["go on by a person's word only"] if rollout.gate else []
    return "; ".join(parts)


def _failures(rollout: Rollout, waves: Sequence[Wave], wave: Wave) -> str:
    if wave.failures is None:
        return "any number of failures"
    borne = {0: "no failure borne", 1: "at most 1 failure"}.get(
        wave.failures, f"at most {wave.failures} failures"
    )
    sharing = [each for each in waves if not each.canary]
    if not wave.canary and wave.failures and len(sharing) > 1:
        borne += " in all waves but the canary" if rollout.has_canary else " in all waves"
    return f"{borne}, {_ELSE[rollout.on_breach]}"


def _canary(rollout: Rollout) -> str:
    if rollout.canary is None:
        return ", ".join(rollout.canary_resources)
    return (
        f"{rollout.canary} of each service" if rollout.canary_per_service else f"{rollout.canary}"
    )


def _chosen(rollout: Rollout) -> str:
    """How the canary was chosen, where its size alone does not say it."""
    if rollout.canary is None:
        return ", as named"
    is_told = rollout.canary_per_service or rollout.canary.percent is not None
    return f", {_canary(rollout)}" if is_told else ""
