"""Shows the waves of a task and their outcomes. Called by the plan and task commands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starter.cli.terminal.output import humanize, join_names, say

if TYPE_CHECKING:
    from domain.plans.plan import Change
    from domain.rollout.policy import RolloutPolicy
    from domain.rollout.summary import WaveSummary
    from domain.tasks.record import OutcomeRecord
    from starter.cli.plan.wave_options import PolicyOverrides


class WavePreview(NamedTuple):
    """A rollout policy, and the waves into which it divides some changes."""

    rollout: "RolloutPolicy"
    waves: "tuple[WaveSummary, ...]"

    @property
    def json_fields(self) -> dict[str, Any]:
        """Policy and waves, for JSON."""
        return {"rollout": self.rollout, "waves": self.waves}


def preview_waves(changes: Sequence["Change"], rollout: "RolloutPolicy") -> WavePreview:
    """Computes the waves of these changes. Raises BadInput if the policy cannot apply."""
    from domain.rollout.assignment import assign_waves
    from domain.rollout.summary import summarize_waves

    if not changes:
        return WavePreview(rollout, ())
    return WavePreview(rollout, summarize_waves(changes, assign_waves(changes, rollout), rollout))


def preview_default_waves(changes: Sequence["Change"], policy: "PolicyOverrides") -> WavePreview:
    """Computes the waves of a new task: the default policy with the given options."""
    from domain.rollout.assignment import build_default_policy

    base = build_default_policy(changes)
    return preview_waves(changes, policy.apply_to(base, changes) if changes else base)


def show_waves(preview: WavePreview) -> None:
    """Prints one line for each wave, and which resources are the canary."""
    from domain.rollout import summary

    for number, line in enumerate(summary.format_waves(preview.rollout, preview.waves), 1):
        say(f"wave {number:<4}  {line}")
    for wave in preview.waves:
        if wave.resources:
            say(f"canary     {join_names(wave.resources)}")
    for line in summary.format_exceptions(preview.rollout):
        say(f"policy     {line}")


def summarize_task_waves(
    rollout: "RolloutPolicy", outcomes: Sequence["OutcomeRecord"]
) -> WavePreview:
    """Computes the waves of a task from its stored outcomes."""
    from domain.rollout.summary import summarize_waves

    changes, assigned = [each.change for each in outcomes], [each.wave for each in outcomes]
    return WavePreview(rollout, summarize_waves(changes, assigned, rollout))


def waves_to_json(
    preview: WavePreview, outcomes: Sequence["OutcomeRecord"]
) -> list[dict[str, Any]]:
    """Converts each wave to JSON, with how many of its changes are in each status."""
    tallies = _count_outcomes(preview, outcomes)
    return [
        {**wave.model_dump(mode="json"), "tally": tally}
        for wave, tally in zip(preview.waves, tallies, strict=True)
    ]


def list_wave_facts(
    preview: WavePreview, outcomes: Sequence["OutcomeRecord"]
) -> list[tuple[str, str]]:
    """Returns one field for each wave: its policy, and below it its counts."""
    from domain.rollout import summary

    lines = summary.format_waves(preview.rollout, preview.waves)
    facts = [
        (f"wave {number}", f"{line}\n{_format_tally(tally)}")
        for number, (line, tally) in enumerate(
            zip(lines, _count_outcomes(preview, outcomes), strict=True), start=1
        )
    ]
    return [*facts, *(("policy", line) for line in summary.format_exceptions(preview.rollout))]


def _count_outcomes(
    preview: WavePreview, outcomes: Sequence["OutcomeRecord"]
) -> list[dict[str, int]]:
    tallies: list[dict[str, int]] = [{} for _ in preview.waves]
    for outcome in outcomes:
        tally = tallies[outcome.wave]
        tally[outcome.status.value] = tally.get(outcome.status.value, 0) + 1
    return tallies


def _format_tally(tally: dict[str, int]) -> str:
    return ", ".join(f"{count} {humanize(status)}" for status, count in tally.items())
