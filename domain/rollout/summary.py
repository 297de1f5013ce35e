"""Describe waves and rollout policies for a person; the plan and task commands show it."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from domain.model import Value
from domain.plans.plan import Change
from domain.rollout.assignment import count_per_wave
from domain.rollout.policy import (
    OnBudgetExceeded,
    RolloutPolicy,
    count_allowed_failures,
    count_budgeted_changes,
)

_CONSEQUENCE = {
    OnBudgetExceeded.STOP: "else the task stops",
    OnBudgetExceeded.ROLL_BACK_WAVE: "else the wave is rolled back",
    OnBudgetExceeded.ROLL_BACK_ALL: "else all is rolled back",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class WaveSummary(Value):
    """One wave of a task; `wave` counts from 0.

    `services` counts the changes of each service. `allowed_failures` is the budget until the end of
    this wave, as `count_allowed_failures` computes it. `resources` are the ids in a canary, empty
    for other waves.
    """

    wave: int
    canary: bool
    changes: int
    services: dict[str, int]
    allowed_failures: int | None
    resources: tuple[str, ...] = ()


def summarize_waves(
    changes: Sequence[Change], assigned: Sequence[int], rollout: RolloutPolicy
) -> tuple[WaveSummary, ...]:
    """Summarize the waves in their order; `assigned` is the wave of each change."""
    groups: defaultdict[int, list[Change]] = defaultdict(list)
    for change, wave in zip(changes, assigned, strict=True):
        groups[wave].append(change)
    total = count_budgeted_changes(rollout, count_per_wave(assigned))
    return tuple(_summarize_wave(rollout, wave, groups[wave], total) for wave in sorted(groups))


def format_waves(rollout: RolloutPolicy, waves: Sequence[WaveSummary]) -> list[str]:
    """One line per wave: its changes, its failure budget, and what the next wave waits for."""
    return [_format_wave(rollout, waves, wave) for wave in waves]


def format_policy(rollout: RolloutPolicy) -> str:
    """The policy on one line, without a plan: "canary 1 of each service; failures 10%"."""
    parts = [
        f"canary {_format_canary(rollout)}" if rollout.has_canary else "",
        f"waves {', '.join(map(str, rollout.waves))}" if rollout.waves else "",
        "" if rollout.has_canary or rollout.waves else "one wave",
        f"wait {format_duration(rollout.bake_seconds)}" if rollout.bake_seconds else "",
        "a gate after each wave" if rollout.gate else "",
        f"canary failures {rollout.canary_budget}" if rollout.canary_budget else "",
        f"failures {rollout.budget or 'any'}",
        _CONSEQUENCE[rollout.on_budget_exceeded] if rollout.budget or rollout.has_canary else "",
        *format_exceptions(rollout),
    ]
    return "; ".join(filter(None, parts))


def format_exceptions(rollout: RolloutPolicy) -> list[str]:
    """One line for each rule, other than waves and budgets, that differs from the default."""
    retry_time = format_duration(rollout.keep_trying_seconds)
    lines = {
        "failed changes are not rolled back": not rollout.roll_back_failed,
        "unverified changes count as success": rollout.accept_unverified,
        f"transient failures are retried for {retry_time}": (
            rollout.keep_trying_seconds != RolloutPolicy().keep_trying_seconds
        ),
    }
    return [line for line, is_so in lines.items() if is_so]


def format_duration(seconds: int) -> str:
    """Exact, to the second: "15 min", "1 h 30 min", "2 d"."""
    parts = []
    for length, unit in _UNITS:
        count, seconds = divmod(seconds, length)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts) or "0 s"


def _summarize_wave(
    rollout: RolloutPolicy, wave: int, changes: Sequence[Change], total: int
) -> WaveSummary:
    is_canary = rollout.has_canary and wave == 0
    return WaveSummary(
        wave=wave,
        canary=is_canary,
        changes=len(changes),
        services=dict(sorted(Counter(change.resource.service for change in changes).items())),
        allowed_failures=count_allowed_failures(rollout, wave, total),
        resources=tuple(change.resource.id for change in changes) if is_canary else (),
    )


def _format_wave(rollout: RolloutPolicy, waves: Sequence[WaveSummary], wave: WaveSummary) -> str:
    resources = "1 resource" if wave.changes == 1 else f"{wave.changes} resources"
    what = f"canary: {resources}{_format_choice(rollout)}" if wave.canary else resources
    parts = [what, _format_budget(rollout, waves, wave)]
    if wave.wave < len(waves) - 1:
        bakes = rollout.bake_seconds
        parts += [f"then wait {format_duration(bakes)}"] if bakes else []
        parts += ["then wait for a person to proceed"] if rollout.gate else []
    return "; ".join(parts)


def _format_budget(rollout: RolloutPolicy, waves: Sequence[WaveSummary], wave: WaveSummary) -> str:
    if wave.allowed_failures is None:
        return "any number of failures"
    allowed = {0: "no failure allowed", 1: "at most 1 failure"}.get(
        wave.allowed_failures, f"at most {wave.allowed_failures} failures"
    )
    sharing = [each for each in waves if not each.canary]
    if not wave.canary and wave.allowed_failures and len(sharing) > 1:
        allowed += " in all waves but the canary" if rollout.has_canary else " in all waves"
    return f"{allowed}, {_CONSEQUENCE[rollout.on_budget_exceeded]}"


def _format_canary(rollout: RolloutPolicy) -> str:
    if rollout.canary is None:
        return ", ".join(rollout.canary_resources)
    return (
        f"{rollout.canary} of each service" if rollout.canary_per_service else f"{rollout.canary}"
    )


def _format_choice(rollout: RolloutPolicy) -> str:
    """How the canary was chosen, unless its number of resources says so already."""
    if rollout.canary is None:
        return ", as named"
    is_shown = rollout.canary_per_service or rollout.canary.percent is not None
    return f", {_format_canary(rollout)}" if is_shown else ""
